"""The demo: an invented company, 18 months of its sales, and a trickle of new events.

Everything goes in through the routes that anybody's data would take, so what the demo shows is what
the product does. The company and its people are fiction.

- `company`, `people`, `accounts`: units, staff and customers, and the mapping of their CRM.
- `seasons`: how busy a day is, and how the year is planned over time.
- `deals`: what happened, as a pure function of a seed and a day; `exports` and `records` tell it as
  the company's systems would.
- `loading`: brings all of it into the running stack; safe to interrupt and to repeat.
- `planning` and `paying`: its plans, its bands, and the last quarter's statements.
- `doors`: the public routes, as one of the company's people.
- `state`: `demo.json`, what a newcomer or a script needs to talk to the demo.
- `trickle`: new events, forever.
- `run`: the command; `reloading`: the same, started again on every change of the code.
"""
