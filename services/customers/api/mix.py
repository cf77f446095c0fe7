"""The mix of members' and units' customers."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.customers.actions import read
from services.customers.api.edge import (
    PREFIX,
    Asked,
    MinOffset,
    PresentOnly,
    TheOffice,
    answer,
    example,
    refusals,
)
from services.customers.schemas.reads import Mixes
from services.kit.http import StrictRoute

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["mix"], dependencies=[PresentOnly])


@router.get(
    "/mix",
    summary="Read the mix of customers",
    description="For each member or unit (100 at most) how many customers of each tier their owners "
    "have, and what these brought in: won less refunded, within twelve months of the business day. "
    "A unit's are those of the members in it and below it. A rep reads the own mix, a manager those "
    "of their subtree, the other roles all but customer success, who read the own one.",
    response_model=Mixes,
    responses=refusals(409, 413, 422)
    | example(
        offset=1203,
        items=[
            {
                "scope": "0190a000-0000-7000-8000-000000000001",
                "by_tier": [
                    {"tier": "strategic", "count": 2,
                     "revenue": {"amount": "310000.00", "currency": "CNY"}},
                    {"tier": "growth", "count": 9,
                     "revenue": {"amount": "402000.00", "currency": "CNY"}},
                    {"tier": "basic", "count": 21,
                     "revenue": {"amount": "98000.00", "currency": "CNY"}},
                ],
                "by_rfm": [],
            }
        ],
    ),
)  # fmt: skip
async def read_mix(
    viewer: Asked,
    office: TheOffice,
    scope: Annotated[
        Sequence[str],
        Query(description="ids of members or units; what is unknown or not for this viewer is "
              "absent", examples=[["0190a000-0000-7000-8000-000000000001"]]),
    ],
    min_offset: MinOffset = None,
) -> Response:  # fmt: skip
    return answer(Mixes.of(await read.mix(office, viewer, scope, min_offset)))
