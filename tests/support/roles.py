"""A company in which everything has a value, and one holder of each role."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.kit import ids
from tests.support.everything import VARIABLES, roots, selection, shown
from tests.support.gate import until
from tests.support.stack import ORGANISATION, RunningStack, Tenant

HOLDERS = {
    "admin": None, "sales_ops": None, "finance": None, "manager": "boss", "rep": "ann",
    "customer_success": "cai",
}  # fmt: skip
"""Roles with the member who holds them: boss manages the unit north, ann works in it, cai does not."""
REPS, UNITS = ("ann", "ben", "cai", "boss"), ("north", "south", "region")
NOW = datetime(2026, 5, 20, 4, tzinfo=UTC)
"""The middle of a quarter, so that lights are on."""
TODAY = NOW.date()
PERIOD = "2026-Q2"
BANDS = [{"up_to": "1000000.00", "rate_bp": 777}, {"up_to": None, "rate_bp": 999}]
WON = {"ann": "41113.00", "ben": "52237.00", "cai": "63359.00", "boss": "74471.00"}
"""Amounts whose pay occurs nowhere else."""


_NOBODY = "00000000-0000-7000-8000-000000000000"
_BANDS = [{"upTo": None, "rate": "8"}, {"upTo": None, "rate": "9"}]
MUTATIONS: dict[str, dict[str, Any]] = {
    "planCreate": {"name": "x", "metric": "sales", "ownerId": _NOBODY, "period": "2026",
                   "target": "1"},
    "planSplit": {"planId": _NOBODY, "splits": [
        {"leaves": True, "axis": "TIME", "method": "EQUAL"}]},
    **{name: {"planId": _NOBODY} for name in ("planPropose", "planApprove", "planActivate")},
    "targetAcknowledge": {"targetId": _NOBODY}, "taskComplete": {"taskId": _NOBODY},
    "alertAcknowledge": {"alertId": _NOBODY},
    "tierPolicySet": {"basis": "ANNUAL_FEE", "strategicAbove": "1", "basicBelow": "2"},
    "compensationPlanCreate": {"name": "x", "currency": "CNY", "components": [{"bands": _BANDS}]},
    "compensationPlanActivate": {"planId": _NOBODY, "effectiveFrom": "2026-Q1"},
    "statementApprove": {"statementId": _NOBODY}, "statementClose": {"statementId": _NOBODY},
}  # fmt: skip
"""Each with an input that changes nothing: about nobody, or against a rule that is asked last."""


@dataclass
class Everybody:
    stack: RunningStack
    tenant: Tenant
    plan: str = ""
    statements: dict[str, str] = field(default_factory=dict)
    earned: dict[str, str] = field(default_factory=dict)
    _answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def as_(self, role: str) -> dict[str, str]:
        holder = HOLDERS[role]
        return self.stack.token(
            self.tenant.name, role, self.tenant.members[holder] if holder else None
        )

    async def ask(self, method: str, path: str, role: str, body: Any = None) -> Any:
        answer = await self.stack.client.request(method, path, headers=self.as_(role), json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json()

    def subjects(self) -> Iterator[tuple[str, str, str]]:
        """What is asked for: its name here, its root field and id."""
        for rep in REPS:
            yield f"Rep {rep}", "rep", self.tenant.members[rep]
        for unit in UNITS:
            yield f"Unit {unit}", "unit", self.tenant.units[unit]
        yield "Plan", "plan", self.plan

    async def graphql(self, role: str, subject: str) -> Any:
        """Everything of a subject as a role sees it; where something is refused, it is absent."""
        if (role, subject) not in self._answers:
            root, id_ = next((r, i) for name, r, i in self.subjects() if name == subject)
            fields = selection(subject.partition(" ")[0])
            used = VARIABLES if "$period" in fields else ""
            document = f"query Everything($id: ID!, {used}) {{ {root}(id: $id) {fields} }}"
            variables = {"id": id_, "period": PERIOD, "metric": "sales"}
            answer = await self.stack.client.post(
                "/graphql", headers=self.as_(role),
                json={"query": document, "variables": variables if used else {"id": id_}},
            )  # fmt: skip
            told = answer.json()
            codes = {error["extensions"]["code"] for error in told.get("errors", ())}
            assert codes <= {"FORBIDDEN", "NOT_FOUND"}, told["errors"]
            self._answers[role, subject] = told["data"]
        return self._answers[role, subject]

    async def mutate(self, role: str, mutation: str) -> str:
        """The code of its refusal."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
        document = (
            f"mutation Try($input: {kind}) {{ {mutation}(input: $input) "
            "{ __typename ... on UserError { code message path } } }"
        )
        answer = await self.stack.query(self.as_(role), document, input=MUTATIONS[mutation])
        found = (answer.get("data") or {}).get(mutation)
        assert found is not None, answer
        return str(found["code"])

    def reads(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every REST read: its operation, and how it is asked about whom."""
        members, units = self.tenant.members, self.tenant.units
        scopes = {**{name: members[name] for name in REPS}, **{u: units[u] for u in UNITS}}
        for name, id_ in scopes.items():
            if name in REPS:
                yield f"GET /targets/v1/members of {name}", "/targets/v1/members", {"id": id_}
                for operation in ("earnings", "statements", "credits"):
                    path = f"/incentives/v1/{operation}"
                    yield f"GET {path} of {name}", path, {"member": id_, "period": PERIOD}
                path = f"/incentives/v1/statements/{self.statements[name]}"
                yield f"GET /incentives/v1/statements/{{id}} of {name}", path, {}
                yield f"GET /customers/v1/tasks of {name}", "/customers/v1/tasks", {"member": id_}
                account = {"id": f"Account {name}"}
                yield f"GET /customers/v1/customers of {name}", "/customers/v1/customers", account
                path = f"/customers/v1/customers/Account {name}/history"
                yield f"GET /customers/v1/customers/{{id}}/history of {name}", path, {}
            else:
                for operation in ("units", "units/children", "units/members"):
                    path = f"/targets/v1/{operation}"
                    yield f"GET {path} of {name}", path, {"id": id_}
                board = {"unit": id_, "period": PERIOD, "metric": "sales"}
                yield f"GET /kpi/v1/leaderboard of {name}", "/kpi/v1/leaderboard", board
            owned = {"owner": id_, "period": PERIOD, "children": "time"}
            yield f"GET /targets/v1/targets of {name}", "/targets/v1/targets", owned
            for operation in ("attainments", "funnels"):
                path = f"/kpi/v1/{operation}"
                yield f"GET {path} of {name}", path, {"scope": id_, "period": PERIOD}
            yield f"GET /kpi/v1/alerts of {name}", "/kpi/v1/alerts", {"scope": id_}
            yield f"GET /customers/v1/mix of {name}", "/customers/v1/mix", {"scope": id_}
        yield from (
            (f"GET {path}", path, asked)
            for path, asked in (
                ("/targets/v1/members", {}), ("/targets/v1/units", {}), ("/targets/v1/tenant", {}),
                ("/targets/v1/plans", {}), ("/targets/v1/metrics", {}), ("/targets/v1/outbox", {}),
                ("/kpi/v1/metrics", {}), ("/kpi/v1/deals", {}), ("/kpi/v1/connections", {}),
                ("/kpi/v1/quarantine", {}), ("/kpi/v1/deals/deal:crm:D-ann", {}),
                ("/kpi/v1/feed", {}), ("/kpi/v1/heads", {}),
                ("/customers/v1/customers", {}), ("/customers/v1/policies/tier", {}),
                ("/customers/v1/outbox", {}), ("/incentives/v1/plans", {}),
                ("/incentives/v1/statements", {}), ("/incentives/v1/credits", {}),
                ("/incentives/v1/outbox", {}),
                *((f"/{service}/v1/changes", {"after": -1})
                  for service in ("targets", "customers", "incentives", "kpi")),
            )
        )  # fmt: skip
        yield "GET /targets/v1/targets/children", "/targets/v1/targets/children", {"id": self.root}

    root: str = ""

    async def rest(self, role: str, operation: str, path: str, asked: dict[str, Any]) -> Any:
        """The answer's body, or the code of its refusal."""
        if (role, operation) not in self._answers:
            answer = await self.stack.client.get(path, headers=self.as_(role), params=asked)
            told = answer.json()
            assert answer.status_code < 500, f"{operation}: {answer.text}"
            self._answers[role, operation] = told if answer.is_success else told["code"]
        return self._answers[role, operation]

    async def everything_as(self, role: str) -> AsyncIterator[str]:
        """The text of every answer that the role gets."""
        for subject, _, _ in self.subjects():
            yield json.dumps(await self.graphql(role, subject))
        for operation, path, asked in self.reads():
            yield json.dumps(await self.rest(role, operation, path, asked))

    async def all_seen(self) -> dict[str, set[str]]:
        """By subject and operation, every path that some role sees a value at."""
        seen: defaultdict[str, set[str]] = defaultdict(set)
        for role in HOLDERS:
            for what, answer in [x async for x in self._as(role)]:
                if not isinstance(answer, str):
                    seen[what] |= set(shown(answer))
        return dict(seen)

    async def _as(self, role: str) -> AsyncIterator[tuple[str, Any]]:
        for subject, root, _ in self.subjects():
            data = await self.graphql(role, subject)
            yield subject, (data or {}).get(root) or "nothing"
        for operation, path, asked in self.reads():
            yield operation, await self.rest(role, operation, path, asked)

    async def matrix(self) -> dict[str, dict[str, Any]]:
        """By role and subject, what is hidden of all that anybody sees: a code, or paths."""
        seen = await self.all_seen()
        found: dict[str, dict[str, Any]] = {}
        for role in HOLDERS:
            mine: dict[str, Any] = {}
            async for what, answer in self._as(role):
                if isinstance(answer, str):
                    mine[what] = answer
                    continue
                here = set(shown(answer))
                if hidden := seen[what] - here:
                    mine[what] = roots(hidden, seen[what])
            for mutation in MUTATIONS:
                mine[f"mutation {mutation}"] = await self.mutate(role, mutation)
            found[role] = mine
        return found


async def fill(all_: Everybody) -> None:
    await _events(all_)
    await _plan(all_)
    await _pay(all_)
    await _settle(all_)
    for rep in REPS:
        asked = f"member={all_.tenant.members[rep]}&period={PERIOD}"
        (pay,) = (await all_.ask("GET", f"/incentives/v1/earnings?{asked}", "finance"))["items"]
        all_.earned[rep] = pay["earned"]
        listed = await all_.ask("GET", f"/incentives/v1/statements?{asked}", "finance")
        all_.statements[rep] = listed["items"][0]["id"]
    assert len(set(all_.earned.values())) == len(REPS)


async def _events(all_: Everybody) -> None:
    at = NOW - timedelta(hours=1)
    first = "2026-04-01T02:00:00Z"

    def event(type_: str, when: str, **data: Any) -> dict[str, Any]:
        return {"id": ids.new(), "source": "t", "type": type_, "time": when, "data": data}

    events = []
    for rep in REPS:
        whose = {"owner": f"crm:{rep}", "account": f"Account {rep}"}
        for n, stage in enumerate(("lead", "intent", "won")):
            events.append(event("deal.observed.v1", first if n == 0 else at.isoformat(),
                                deal=f"crm:D-{rep}", stage=stage, amount=WON[rep],
                                product="suite", channel="own", **whose))  # fmt: skip
        events += [
            event("deal.observed.v1", at.isoformat(), deal=f"crm:O-{rep}", stage="intent",
                  amount="5000.00", **whose),
            event("activity.observed.v1", at.isoformat(), activity=f"V-{rep}",
                  activity_kind="visit", minutes=30, **whose),
            event("customer.observed.v1", at.isoformat(), name=f"The {rep} works",
                  industry="software", region="east", **whose),
            event("contract.observed.v1", at.isoformat(), contract=f"C-{rep}",
                  deal=f"crm:D-{rep}", amount="120000.00", annual_fee="120000.00",
                  starts_on=date(TODAY.year, 1, 1).isoformat(),
                  ends_on=date(TODAY.year + 1, 12, 31).isoformat(),
                  schedule=[{"due_on": TODAY.isoformat(), "amount": "120000.00"}], **whose),
        ]  # fmt: skip
    answer = await all_.ask("POST", "/kpi/v1/events", "admin", events)
    assert answer["rejected"] == 0, answer
    await _settle(all_)


async def _plan(all_: Everybody) -> None:
    """Year to units to people to quarters and months; so high that every light is red."""
    units, members = all_.tenant.units, all_.tenant.members
    made = await all_.ask("POST", "/targets/v1/plans", "sales_ops", {
        "name": "Year", "metric": "sales", "owner_id": units["region"], "period": str(TODAY.year),
        "target": "80000000.00", "floor": "60000000.00", "stretch": "90000000.00",
    })  # fmt: skip
    all_.plan, all_.root = made["plan"]["id"], made["plan"]["root"]["id"]

    def shared(unit: str, owners: list[str], **more: Any) -> dict[str, Any]:
        return {"of": "leaves", "owner_id": unit, "axis": "organisation", "method": "equal",
                "parts": [{"owner_id": owner} for owner in owners], **more}  # fmt: skip

    teams: dict[str, list[str]] = defaultdict(list)
    for row in ORGANISATION["members"]:
        teams[row["unit_external_id"]].append(members[row["external_id"]])
    splits = [
        shared(units["region"], [units["north"], units["south"]],
               buffer={"percent_bp": 1_000, "kind": "over_assigned"}),
        *(shared(units[unit], people) for unit, people in teams.items()),
        *({"of": "leaves", "axis": "time", "method": "equal", "into": into}
          for into in ("quarter", "month")),
    ]  # fmt: skip
    path = f"/targets/v1/plans/{all_.plan}"
    await all_.ask("POST", f"{path}/splits", "sales_ops", {"splits": splits})
    for step, body in (("propose", None), ("approve", {"override_reason": "a test"}),
                       ("activate", None)):  # fmt: skip
        await all_.ask("POST", f"{path}/{step}", "sales_ops", body)


async def _pay(all_: Everybody) -> None:
    document = {
        "name": "Commission", "period": "quarter", "currency": "CNY",
        "components": [{"kind": "commission", "mode": "marginal", "bands": BANDS}],
    }  # fmt: skip
    plan = (await all_.ask("POST", "/incentives/v1/plans", "finance", document))["plan"]
    body = {"effective_from": f"{TODAY.year}-Q1"}
    await all_.ask("POST", f"/incentives/v1/plans/{plan['id']}/activate", "finance", body)


async def _settle(all_: Everybody) -> None:
    """Every service has taken the log to its head, and has told everything."""

    async def quiet() -> bool:
        client, tenant = all_.stack.client, all_.tenant
        for _ in range(2):  # what one tells, the others have to hear
            kpi = all_.stack.service(tenant, "kpi")
            head = (await client.get("/kpi/v1/heads", headers=kpi)).json()["heads"][tenant.id]
            for service in ("kpi", "targets", "customers", "incentives"):
                headers = all_.stack.service(tenant, service)
                at = await client.get(f"/{service}/v1/changes?after=-1", headers=headers)
                if at.json()["offset"] < head:
                    return False
                if service == "kpi":
                    continue
                box = await client.get(f"/{service}/v1/outbox", headers=all_.as_("admin"))
                if box.json()["pending"]:
                    return False
            await asyncio.sleep(0)
        return True

    await until(quiet, 30)
