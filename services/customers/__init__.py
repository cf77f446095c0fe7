"""customers will own the customer master, RFM, tiers, ICP, service policies and lead allocation.

Now it is an empty service of the common shape: it starts, is migrated, and tells its health,
metrics and OpenAPI. It promises nothing else yet. It never owns a deal: those are kpi's.
"""
