"""The demo: an invented company, a year of its deals, and a trickle of new events.

Everything goes in through the routes that anybody's data would take, so what the demo shows is what
the product does. The company and its people are fiction.

- `company`: the people and units, and the mapping of their invented CRM.
- `deals`: a year of deals as a pure function of a seed and a day.
- `loading`: brings both into the running stack; safe to interrupt and to repeat.
- `state`: `demo.json`, what a newcomer or a script needs to talk to the demo.
- `trickle`: signed webhooks, forever.
- `run`: the command; `reloading`: the same, started again on every change of the code.
"""
