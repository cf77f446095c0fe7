"""targets owns the organisation and its people, and the plans that cascade targets to them.

It promises:
- one dated tree per tenant: a unit hangs under one parent, a member is in one unit at a time, and
  what was said about a day stays until it is said anew for that day;
- a change and the facts that tell of it are one transaction, and the facts reach kpi in order;
- every split of a target sums exactly, but for a declared buffer, and says why each part is what
  it is; only an active plan counts, and kpi hears of it in the transaction that activates it;
- importing the same organisation twice changes nothing and tells nothing;
- a rep reads about themselves, a manager about their subtree, others about their tenant.

It never computes an actual: that is kpi's.
"""
