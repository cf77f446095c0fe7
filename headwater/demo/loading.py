"""The demo company goes in through the routes: tenant, organisation, deliveries, events.

Every step may be repeated. Killed half-way, the next start goes on: items are keyed by what they
say, and the day on which the company was made is read back from the organisation, so the same
history comes out of the generator.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from headwater.demo import company, exports, people, planning, records, seasons
from headwater.demo.deals import SEED, SERIES, History
from headwater.demo.doors import DemoFailed, Doors
from headwater.demo.paying import Paymaster
from headwater.demo.planning import Planner
from services.kit import limits
from services.kit.auth import Signer
from services.kit.clock import Clock
from services.kit.period import Period, business_day

Progress = Callable[[str, int, int], None]
_CONNECTION = f"/kpi/v1/connections/{company.CONNECTION}"


@dataclass(frozen=True, slots=True)
class Loaded:
    members: Mapping[str, str]
    """Our ids by the company's keys, of members and units."""
    units: Mapping[str, str]
    plan: str
    """Of this year's sales."""
    period: str
    connection: str
    """Its public id, which its webhook's address ends with."""
    secret: str | None
    """Known only where this start made the connection."""
    deals: int
    history: History


class Loader:
    def __init__(
        self, doors: Doors, signer: Signer, clock: Clock, say: Callable[[str], None],
        progress: Progress,
    ) -> None:  # fmt: skip
        self._doors = doors
        self._signer = signer
        self._say = say
        self._progress = progress
        self._today = business_day(clock.now(), company.ZONE)

    async def load(self) -> Loaded:
        await self._tenant()
        first_day = await self._first_day()
        await self._doors.call(
            "POST", "/targets/v1/organisation", json=company.organisation(first_day)
        )
        members = await self._ids("members", [one.key for one in people.EVERYBODY])
        units = await self._ids("units", [unit.key for unit in company.UNITS])
        # Until kpi knows the organisation, deals of its members would wait in quarantine.
        await self._doors.facts_have_left("targets")
        connection = await self._doors.call(
            "PUT", _CONNECTION, json={"vendor": "standard", "mapping": company.MAPPING}
        )
        await self._tiers(first_day)
        history = History(SEED, first_day)
        count = await self._history(history)
        quarter = seasons.quarter_of(self._today)
        self._say("Cascading the plans to regions, teams and reps")
        planner = Planner(self._doors, members, units)
        plan, offset = await self._plans(planner, quarter, first_day.year)
        shown = {"scope": units[company.SHOWN_UNIT], "period": quarter.code}
        await self._doors.reached("/kpi/v1/funnels", offset, **shown)
        await self._pay(history, members[company.SHOWN_REP], offset)
        return Loaded(
            members,
            units,
            plan,
            quarter.code,
            connection["webhook_path"].rpartition("/")[2],
            connection["secret"],
            count,
            history,
        )

    async def _tiers(self, first_day: date) -> None:
        """The second preset of method.md 2, since the company's first day."""
        policy = {**company.TIER_POLICY, "effective_on": seasons.start_of(first_day).isoformat()}
        await self._doors.call("PUT", "/customers/v1/policies/tier", json=policy)

    async def new_secret(self) -> str:
        answer = await self._doors.call("POST", f"{_CONNECTION}/secrets", json={})
        return str(answer["secret"])

    async def open_deals(self) -> dict[str, str]:
        """The stages of the CRM's deals that may move on, as they are now."""
        found: dict[str, str] = {}
        query: dict[str, Any] = {"limit": limits.PAGE_MOST}
        while True:
            page = await self._doors.call("GET", "/kpi/v1/deals", params=query)
            for deal in page["items"]:
                name = deal["id"].rpartition(":")[2]
                if deal["kind"] == "open" and name.startswith(SERIES):
                    found[name] = deal["stage"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    async def _tenant(self) -> None:
        token = self._signer.sign(
            tenant=company.TENANT, role="service", subject="headwater", seconds=300
        )
        await self._doors.call(
            "PUT", f"/targets/v1/tenants/{company.TENANT}", token=token, json=company.CONFIGURATION
        )

    async def _first_day(self) -> date:
        newest = f"{company.CONNECTION}:{people.NEWEST.key}"
        found = await self._doors.call("GET", "/targets/v1/members", params={"id": newest})
        if not found["items"]:
            return self._today
        return people.first_day(date.fromisoformat(found["items"][0]["joined_on"]))

    async def _ids(self, kind: str, keys: list[str]) -> dict[str, str]:
        names = {f"{company.CONNECTION}:{key}": key for key in keys}
        found = await self._doors.call("GET", f"/targets/v1/{kind}", params={"id": list(names)})
        return {names[item["external_id"]]: item["id"] for item in found["items"]}

    async def _plans(self, planner: Planner, quarter: Period, first_year: int) -> tuple[str, int]:
        """Every year and quarter in which the demo is started gets its plans.

        Answers the id of the year's, and the log's offset of the quarter's targets.
        """
        await planner.declared()
        wanted = planning.sales_plan(quarter, first_year)
        plan, _ = await planner.active(wanted, planning.sales_splits())
        visits = planning.visits_plan(quarter)
        _, offset = await planner.active(visits, planning.visits_splits(), planning.WITHOUT_ASKING)
        return plan, offset

    async def _pay(self, history: History, rep: str, offset: int) -> None:
        """The quarter before the demo's first day is closed; then a refund of it comes in."""
        closed = records.last_quarter(history.today).code
        paymaster = Paymaster(self._doors)
        await paymaster.plan(closed)
        query = {"member": rep, "period": closed}
        self._say("Settling the last quarter's pay")
        await self._doors.reached("/incentives/v1/earnings", offset, **query)
        await paymaster.closed(closed)
        await self._report("", [[records.late_refund(history, company.SHOWN_REP)]])

    async def _history(self, history: History) -> int:
        """Deals, then what follows from them; the last deal of all marks that everything is in."""
        *batches, last = list(exports.batches(history, SEED))
        events = records.batches(history, SEED)
        count = exports.count([*batches, last])
        if await self._is_there(last[-1]["deal"]):
            return count
        await self._deliver("Events of deals taken:", batches)
        await self._report("Contracts, money and visits taken:", events)
        await self._deliver("", [last])
        return count

    async def _deliver(self, text: str, batches: Sequence[list[Any]]) -> None:
        """To the connection, one after the other."""
        total, done = sum(map(len, batches)), 0
        for batch in batches:
            answer = await self._doors.call("POST", f"{_CONNECTION}/deliveries", json=batch)
            if answer["quarantined"]:
                raise AssertionError(
                    f"{answer['quarantined']} items of the demo were not understood"
                )
            done += len(batch)
            if text:
                self._progress(text, done, total)

    async def _report(self, text: str, batches: Sequence[list[Any]]) -> None:
        total, done = sum(map(len, batches)), 0
        for batch in batches:
            await self.report(batch)
            done += len(batch)
            if text:
                self._progress(text, done, total)

    async def report(self, events: list[Any]) -> int:
        """By the event API; the log's offset after them."""
        answer = await self._doors.call("POST", records.EVENTS, json=events)
        if answer["rejected"]:
            wrong = [r for r in answer["results"] if r["status"] not in {"accepted", "duplicate"}]
            raise DemoFailed(f"events of the demo were refused: {wrong[:3]}")
        return int(answer["offset"])

    async def _is_there(self, deal: str) -> bool:
        answer = await self._doors.send("GET", f"/kpi/v1/deals/deal:{company.CONNECTION}:{deal}")
        return answer.status_code == 200
