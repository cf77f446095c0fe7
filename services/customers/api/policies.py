"""Reading and changing the tier policy."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.customers.actions import policies
from services.customers.api.edge import (
    IDEMPOTENCY_KEY,
    PREFIX,
    Asked,
    MinOffset,
    Once,
    PresentOnly,
    TheOffice,
    answer,
    example,
    refusals,
)
from services.customers.schemas.policies import TierPolicies, TierPolicySet, TierPolicyWrite
from services.kit.http import StrictRoute

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["policies"])
_DEFAULT: dict[str, Any] = {
    "version": 0, "effective_on": None, "basis": "annual_fee",
    "strategic_above": {"amount": "100000.00", "currency": "CNY"},
    "basic_below": {"amount": "30000.00", "currency": "CNY"},
    "planning_period": "quarter", "key_accounts": [], "in_log": True,
}  # fmt: skip
_STANDARD = {"name": "standard"} | {
    name: _DEFAULT[name] for name in ("strategic_above", "basic_below")
}


@router.get(
    "/policies/tier",
    summary="Read the tier policy",
    description="The version in force on the business day, and every version.",
    response_model=TierPolicies,
    responses=refusals(409, 422)
    | example(offset=1203, current=_DEFAULT, versions=[_DEFAULT], presets=[_STANDARD]),
    dependencies=[PresentOnly],
)
async def read_tier_policy(
    viewer: Asked, office: TheOffice, min_offset: MinOffset = None
) -> Response:
    return answer(TierPolicies.of(await policies.read_policies(office, viewer, min_offset)))


@router.put(
    "/policies/tier",
    summary="Set the tier policy",
    description="A new version that holds from a day on, until the next one. Customers' tiers "
    "follow once the log has it. What holds already is answered unchanged. For sales_ops and admin.",
    response_model=TierPolicySet,
    responses=refusals(
        409, 413, 422,
        on_422="tier_policy_invalid, quantity_invalid or invalid: `path` names it",
    )
    | example(policy={**_DEFAULT, "version": 1, "effective_on": "2026-01-01"}, offset=None),
    openapi_extra=IDEMPOTENCY_KEY,
)  # fmt: skip
async def set_tier_policy(
    request: Request, body: TierPolicyWrite, viewer: Asked, office: TheOffice, once: Once
) -> Response:
    async def act() -> Response:
        return answer(TierPolicySet.of(await policies.set_policy(office, viewer, body.asked())))

    tenant_id = await office.tenant_id(viewer)
    return await once.once(request, viewer, tenant_id, await request.body(), act)
