"""kpi: the log, and what follows from it.

Owns connections and mappings, the log of each tenant (gap-free offsets, append-only), the engine
that concludes events from observations, and the funnel projected from them. Promises: an answered
delivery is stored and concluded; nothing is counted twice; the same set of observations gives the
same figures in whatever order it came; nothing is in a projection that does not follow from the
log. A webhook arrives in webhooks.py, is appended by writer.py with actions/append.py, folded by
domain/transitions.py, posted by projector.py with domain/funnel.py and read through api.py.
"""
