"""`demo.json`: what was printed, for scripts. It holds tokens and a secret, so only its owner reads it."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from headwater.demo import company, deals, people, planning
from headwater.demo.loading import Loaded
from services.kit.auth import Role, Signer

TOKEN_SECONDS = 30 * 24 * 3600
ROLES: tuple[Role, ...] = (
    "admin", "sales_ops", "finance", "manager", "rep", "customer_success",
)  # fmt: skip


class State:
    """While the demo starts the file is away, so that its being there means ready."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "demo.json"
        self._before = data_dir / "demo.before.json"

    def put_away(self) -> None:
        if self.path.exists():
            self.path.replace(self._before)

    def secret(self, connection: str) -> str | None:
        """The secret that was kept for this connection, by its public id."""
        try:
            kept = json.loads(self._before.read_text())["webhook"]
            return str(kept["secret"]) if kept["connection"] == connection else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, content: dict[str, Any]) -> None:
        draft = self.path.with_name(f"demo.{os.getpid()}.json")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        self._before.unlink(missing_ok=True)


def content(url: str, loaded: Loaded, secret: str, signer: Signer, now: datetime) -> dict[str, Any]:
    """Ids ready for the operations of gateway/operations, and what a webhook needs."""
    at = now.astimezone(company.ZONE).replace(microsecond=0)
    return {
        "url": url,
        "tenant": company.TENANT,
        "tokens": _tokens(signer, loaded),
        "rep": loaded.members[company.SHOWN_REP],
        "unit": loaded.units[company.SHOWN_UNIT],
        "plan": loaded.plan,
        "metric": planning.SALES,
        "period": loaded.period,
        "webhook": {
            "connection": loaded.connection, "secret": secret, "sample": _sample(at),
        },
    }  # fmt: skip


def _tokens(signer: Signer, loaded: Loaded) -> dict[str, str]:
    """A token per role, for its member where it has one."""
    holders = {
        "rep": company.SHOWN_REP,
        "manager": company.SHOWN_MANAGER,
        "customer_success": people.CARE.key,
    }
    found: dict[str, str] = {}
    for role in ROLES:
        member = loaded.members[holders[role]] if role in holders else None
        found[role] = signer.sign(
            tenant=company.TENANT, role=role, subject=member or role, seconds=TOKEN_SECONDS,
            member_id=member,
        )  # fmt: skip
    return found


def _sample(at: datetime) -> dict[str, Any]:
    """A deal of the shown rep that is not there yet, so that it moves the funnel."""
    return {
        "deal": f"S-{int(at.timestamp()):x}", "at": at.isoformat(), "stage": "intent",
        "amount": "88000.00", "owners": [{"rep": company.SHOWN_REP, "share_bp": 10_000}],
        "product": deals.PRODUCTS[0][0], "channel": "own", "account": "示例客户 Sample Customer",
    }  # fmt: skip
