"""targets owns the organisation and its people, and (from later issues) plans and cascades.

It promises:
- one dated tree per tenant: a unit hangs under one parent, a member is in one unit at a time, and
  what was said about a day stays until it is said anew for that day;
- a change and the facts that tell of it are one transaction, and the facts reach kpi in order;
- importing the same organisation twice changes nothing and tells nothing;
- a rep reads about themselves, a manager about their subtree, others about their tenant.

It never computes an actual: that is kpi's.
"""
