"""One alembic environment with a history per service: migrations/<service>/<date>_<what>.py.

`headwater migrate` runs them; `alembic -c migrations/alembic.ini -n kpi …` works as well.
"""
