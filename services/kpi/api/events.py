"""Our own event API, the import's deliveries, and the facts of the other services."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from services.kit import ids, limits, strictjson
from services.kit.errors import Conflict, Forbidden, Invalid
from services.kit.http import JSONResponse, StrictRoute, read_body
from services.kpi.actions import connections, tenants
from services.kpi.actions.facts import Fact
from services.kpi.actions.submission import Item, Outcome, Submission
from services.kpi.api.edge import Asker, Parts, TenantId, example
from services.kpi.domain import intake, policy
from services.kpi.domain.observation import Unusable
from services.kpi.domain.reading import EventReader, MappingReader
from services.kpi.schemas.events import PAYLOADS
from services.kpi.schemas.wire import Appended, EventsResult, FactsIn
from services.kpi.store import connections as store
from services.kpi.store.log import Delivery
from services.kpi.vendors import cloudevents


class _FactsRoute(StrictRoute):
    """Facts come in the outbox's batches."""

    most_bytes = limits.IMPORT_BODY_BYTES


router = APIRouter(tags=["events"], route_class=_FactsRoute)
EVENTS = "00000000-0000-7000-8000-00000000e7e7"
"""The connection under which events of our own API are deduplicated."""
_EVENT: dict[str, Any] = {
    "id": "crm-4711", "source": "my-crm", "type": "deal.observed.v1",
    "time": "2026-01-05T09:30:00+08:00",
    "data": {
        "deal": "D-17", "stage": "proposal", "amount": "60000.00", "currency": "CNY",
        "owners": [{"owner": "crm:li.wei", "share_bp": 10000}],
    },
}  # fmt: skip
_RESULT = {
    "accepted": 1, "duplicates": 0, "rejected": 0, "offset": 1201,
    "results": [{"index": 0, "id": "crm-4711", "status": "accepted", "code": None, "message": None}],
}  # fmt: skip


class EventRejected(Invalid):
    """One event was posted and cannot be used; its reason is the code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@router.post(
    "/events",
    response_model=EventsResult,
    status_code=202,
    responses={
        **example(**_RESULT),
        207: {"description": "an array of which some events were rejected: see `results`"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {}, "example": _EVENT},
                "application/cloudevents+json": {"schema": {}},
                "application/cloudevents-batch+json": {"schema": {}},
            },
        }
    },
)
async def post_events(request: Request, kpi: Parts, viewer: Asker, tenant_id: TenantId) -> Response:
    """One event or an array of at most 1,000, plain or CloudEvents (structured, binary, batch).

    `source` and `id` identify an event: repeats are duplicates, another body under the same id is
    a conflict. Accepted means stored and concluded. `Idempotency-Key` is honoured.
    """
    policy.need_events(viewer.role, viewer.service)
    body = await read_body(request)

    async def act() -> Response:
        content_type = request.headers.get("content-type", "")
        posted = cloudevents.read(content_type, request.headers, body)
        now = kpi.clock.now()
        keys = [intake.key(event) for event in posted]
        items = [
            Item(key, event)
            for key, event in zip(keys, posted, strict=True)
            if not isinstance(key, Unusable)
        ]
        delivery = Delivery(ids.new(), EVENTS, now, content_type, None, body)
        outcome = await kpi.writer.submit(
            Submission(tenant_id, EVENTS, EventReader(), items, delivery, strict=True)
        )
        kpi.metrics.results("events", (result.status for result in outcome.results))
        return _answer(posted, keys, outcome)

    return await kpi.idempotency.once(request, viewer, tenant_id, body, act)


def _answer(posted: list[Any], keys: list[str | Unusable], outcome: Outcome) -> Response:
    results: list[dict[str, Any]] = []
    stored = iter(outcome.results)
    for index, (event, key) in enumerate(zip(posted, keys, strict=True)):
        id_ = event.get("id") if isinstance(event, dict) else None
        entry = {"index": index, "id": id_ if isinstance(id_, str) else None}
        if isinstance(key, Unusable):
            entry |= {"status": "rejected", "code": key.reason, "message": key.message}
        else:
            result = next(stored)
            entry |= {"status": result.status, "code": result.code, "message": result.message}
        results.append(entry)
    rejected = [r for r in results if r["status"] in {"rejected", "conflict"}]
    if rejected and len(results) == 1:
        raise EventRejected(str(rejected[0]["code"]), str(rejected[0]["message"]))
    answer = {
        "accepted": sum(r["status"] == "accepted" for r in results),
        "duplicates": sum(r["status"] == "duplicate" for r in results),
        "rejected": len(rejected),
        "offset": outcome.offset,
        "results": results,
    }
    return JSONResponse(answer, 207 if rejected else 202)


@router.post(
    "/connections/{name}/deliveries",
    status_code=202,
    responses=example(accepted=500, duplicates=0, quarantined=0, offset=1700),
    summary="Deliver items to a connection with a token instead of a signature",
)
async def deliver(
    name: Annotated[str, Path()], request: Request, kpi: Parts, viewer: Asker, tenant_id: TenantId
) -> Response:
    """What `headwater import` uses: the same path as webhooks, items keyed by their content."""
    policy.need_configuration(viewer.role, viewer.service)
    body = await read_body(request, limits.IMPORT_BODY_BYTES)
    async with kpi.database.read(tenant_id) as connection:
        row = await connections.found(connection, tenant_id, name)
    if row["document"] is None:
        raise Conflict("the connection has no active mapping: activate one first", path="mapping")
    mapping = store.compiled(row["document"])
    raw = mapping.items(strictjson.parse(body))
    now = kpi.clock.now()
    outcome = await kpi.writer.submit(
        Submission(
            tenant_id,
            row["id"],
            MappingReader(mapping, row["short_name"]),
            [Item(mapping.key(item), item) for item in raw],
            Delivery(ids.new(), row["id"], now, "application/json", None, body),
        )
    )
    kpi.metrics.results("import", (result.status for result in outcome.results))
    return JSONResponse(
        {
            "accepted": outcome.count("accepted"),
            "duplicates": outcome.count("duplicate"),
            "quarantined": outcome.count("quarantined", "conflict"),
            "offset": outcome.offset,
        },
        202,
    )


@router.post(
    "/facts", response_model=Appended, responses=example(accepted=2, duplicates=0, offset=1203)
)
async def post_facts(body: FactsIn, kpi: Parts, viewer: Asker) -> Response:
    """Facts of another service, in its order. Its token may append its own types only."""
    policy.need_service(viewer.role)
    if viewer.tenant_id is None:
        raise Forbidden("a service's token names the tenant's id")
    facts = []
    for number, fact in enumerate(body.facts):
        policy.need_fact(viewer.service, fact.type)
        try:
            # Strictly, as JSON: it is kept as it came, and what "1" or a time of day stands for
            # would stop whoever reads it later.
            PAYLOADS[fact.type].model_validate_json(orjson.dumps(fact.payload), strict=True)
        except (ValueError, orjson.JSONEncodeError) as wrong:
            raise Invalid(
                f"facts.{number}.payload: {wrong}", path=f"facts.{number}.payload"
            ) from None
        facts.append(Fact(fact.id, fact.type, fact.subject, fact.occurred_at, fact.payload))
    async with kpi.database.write(viewer.tenant_id) as connection:
        await tenants.ensure(connection, viewer.tenant_id, viewer.tenant)
    sender = ids.derived(EVENTS, str(viewer.service))
    outcome = last = await kpi.writer.submit(Submission(viewer.tenant_id, sender, facts=facts))
    # Answered when everything that waited is out: until then the sender keeps its facts.
    while last.causes_left:
        last = await kpi.writer.submit(
            Submission(viewer.tenant_id, sender, causes=last.causes_left)
        )
    return JSONResponse(
        {
            "accepted": outcome.count("accepted"),
            "duplicates": outcome.count("duplicate"),
            "offset": last.offset,
        }
    )
