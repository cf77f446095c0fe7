import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

SUPERUSER = "postgres"


class PostgresFailed(Exception):
    """What was wrong, where, what to do, and the last words of the program that refused."""

    def __init__(self, what: str, *, where: Path, advice: str, last_words: str = "") -> None:
        lines = [f"The embedded PostgreSQL {what}.", f"Where: {where}", f"What to do: {advice}"]
        if last_words:
            lines += ["Its last words:", *(f"  {line}" for line in last_words.splitlines())]
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    data: Path
    superuser_password: str = field(repr=False)

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """Without a password, the one that belongs to the user: see `role_password`."""
        if password is None:
            secret = self.superuser_password
            password = secret if user == SUPERUSER else role_password(secret, user)
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(database, safe='')}"


def role_password(server_secret: str, role: str) -> str:
    """Derived, so that the superuser's password is the only one that has to be kept."""
    return hmac.new(server_secret.encode(), role.encode(), hashlib.sha256).hexdigest()
