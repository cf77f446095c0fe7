"""customers owns the customer master, value tiers and their policy, planning classes and tasks.

It promises:
- a tier is the policy's answer to the contracts in force or the money won, on every day of a dated
  history; a class is fixed at the start of a planning period;
- both follow from the set of what the log says, never from the order in which it came;
- a change is told to the log once, with its effect in one transaction, and a rebuild tells nothing;
- a won deal asks for a value verification within 30 days, until it is done or the win is reversed.

It never owns a deal: that is kpi's.
"""
