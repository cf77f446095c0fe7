"""The versions of the tier policy."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.customers.domain.tiers import TierPolicy
from services.kit.db import Connection


async def lock_versions(connection: Connection, tenant_id: str) -> int:
    """The last version given out; whoever asks next waits until this transaction ends."""
    found: int = await connection.fetchval(
        "INSERT INTO policy_head (tenant_id, last_version) VALUES ($1, 0) "
        "ON CONFLICT (tenant_id) DO UPDATE SET last_version = policy_head.last_version "
        "RETURNING last_version",
        tenant_id,
    )
    return found


async def set_last_version(connection: Connection, tenant_id: str, version: int) -> None:
    await connection.execute(
        "UPDATE policy_head SET last_version = $2 WHERE tenant_id = $1", tenant_id, version
    )


async def put(
    connection: Connection, tenant_id: str, payload: Mapping[str, Any], *, told: bool
) -> None:
    """From a fact's payload; `told` once the fact came from the log."""
    await connection.execute(
        "INSERT INTO tier_policy (tenant_id, version, effective_on, basis, currency, "
        "strategic_above_minor, basic_below_minor, planning_period, key_accounts, told) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, version) "
        "DO UPDATE SET told = tier_policy.told OR excluded.told",
        tenant_id, payload["version"], date.fromisoformat(payload["effective_on"]),
        payload["basis"], payload["strategic_above"]["currency"],
        payload["strategic_above"]["minor"], payload["basic_below"]["minor"],
        payload["planning_period"], payload["key_accounts"], told,
    )  # fmt: skip


async def policies(
    connection: Connection, tenant_id: str, currency: str, *, told: bool
) -> list[tuple[TierPolicy, bool]]:
    """Versions whose thresholds are in `currency`, and whether the log has them; with `told` only
    those.
    """
    rows = await connection.fetch(
        "SELECT version, effective_on, basis, strategic_above_minor, basic_below_minor, "
        "planning_period, key_accounts, told FROM tier_policy "
        "WHERE tenant_id = $1 AND currency = $2 AND (told OR NOT $3) ORDER BY version",
        tenant_id, currency, told,
    )  # fmt: skip
    return [(_policy(row), row["told"]) for row in rows]


def _policy(row: Any) -> TierPolicy:
    return TierPolicy(
        row["version"], row["effective_on"], row["basis"], row["strategic_above_minor"],
        row["basic_below_minor"], row["planning_period"], frozenset(row["key_accounts"]),
    )  # fmt: skip
