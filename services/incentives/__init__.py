"""incentives will own compensation plans, credits, statements, awards, cases and what-if.

Now it is an empty service of the common shape: it starts, is migrated, and tells its health,
metrics and OpenAPI. It promises nothing else yet. It will never change a closed statement.
"""
