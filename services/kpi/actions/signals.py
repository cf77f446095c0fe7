"""The projection's part about alerts: it watches the targets that speak today.

What is achieved in each watched cell is summed once and then kept up posting by posting, so a
group of entries costs a look at the scopes it touched. Alerts are judged after every group, never
after a batch: a rebuilt projection cuts its batches elsewhere and must come to the same alerts.
A tenant without targets pays one look for each time it is loaded.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson

from services.kit import ids
from services.kit.db import Connection
from services.kpi.domain import alerts, events, metrics
from services.kpi.domain.alerts import Alert, Stamp, Watch
from services.kpi.domain.metrics import Metric, Term
from services.kpi.store import alerts as store
from services.kpi.store import funnel
from services.kpi.store.funnel import PostingRow

_AT_ONCE = 200
_CONTEXT = (events.DAY_STARTED, events.METRIC_DECLARED, events.TENANT_CONFIGURED)
Key = tuple[str, str]
"""A scope and a metric's code; or a scope and a measure."""


Fact = tuple[str, Mapping[str, Any]]
"""Its type and payload."""


class Step(NamedTuple):
    """One group of entries, and the postings it made: those of `rows` from `start` on."""

    offset: int
    at: datetime
    fact: Fact | None
    rows: Sequence[PostingRow]
    start: int


class Signals:
    """One tenant's watches and alerts as of an offset of the log."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._is_used = False
        self._day: date | None = None
        self._metrics: dict[str, Metric] = {}
        self._currencies: dict[date, str] = {}
        self._watches: dict[Key, Watch] = {}
        self._counting: dict[Key, list[tuple[Watch, Term, bool]]] = defaultdict(list)
        self._changes_on: date | None = None
        self._alerts: dict[str, Alert] = {}
        self._pending: dict[Key, Stamp] = {}
        self._changed: dict[str, Alert] = {}

    @classmethod
    async def load(cls, connection: Connection, tenant_id: str, offset: int) -> "Signals":
        found = cls(tenant_id)
        if await store.has_targets(connection, tenant_id):
            await found._begin(connection, offset)
            await found._choose(connection, None, ())
        return found

    async def expect(
        self, connection: Connection, fact: Fact | None, rows: Sequence[PostingRow]
    ) -> None:
        """Before a group is taken: judge what waits, unless it is one more target of a run.

        The same owner's and metric's again ends the run: the state between the two counts too.
        """
        if not self._pending:
            return
        type_, payload = fact or ("", {})
        if type_ != events.TARGET_SET or _key(payload) in self._pending:
            await self._settle(connection, rows)

    async def follow(self, connection: Connection, step: Step) -> None:
        """After a group was taken."""
        type_, payload = step.fact or ("", {})
        if type_ == events.TARGET_SET:
            await self._set_target(connection, step, payload)
            return
        if not self._is_used:
            return
        if type_ == events.ALERT_ACKNOWLEDGED:
            await self._acknowledge(connection, step, payload)
        elif type_ in _CONTEXT:
            await self._learn(connection, step, type_, payload)
        touched = _count(self._counting, islice(step.rows, step.start, None))
        if self._day is None:
            return
        stamp = Stamp(step.offset, step.at, self._day)
        # A day moves every light, a declaration or a currency may.
        judged = self._watches.values() if type_ in _CONTEXT else touched
        for number, watch in enumerate(judged, 1):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # requests of this process come first
            self._judge(watch, stamp)

    async def write(self, connection: Connection, rows: Sequence[PostingRow]) -> Mapping[str, int]:
        """Store what changed, and say whose alerts that are; `rows` are not stored yet."""
        if self._pending:
            await self._settle(connection, rows)
        await store.put(connection, self._tenant_id, self._changed.values())
        moved = {alert.scope: alert.log_offset for alert in self._changed.values()}
        self._changed = {}
        return moved

    @property
    def _currency(self) -> str | None:
        return self._currencies[max(self._currencies)] if self._currencies else None

    async def _begin(self, connection: Connection, offset: int) -> None:
        """From the first target on, everything that lights depend on is followed."""
        self._is_used = True
        for row in await funnel.facts_until(connection, self._tenant_id, _CONTEXT, offset):
            self._note(row["type"], orjson.loads(row["payload"]))

    def _note(self, type_: str, payload: Mapping[str, Any]) -> None:
        if type_ == events.DAY_STARTED:
            day = date.fromisoformat(payload["day"])
            self._day = day if self._day is None else max(self._day, day)
        elif type_ == events.METRIC_DECLARED:
            self._metrics[payload["code"]] = metrics.from_payload(payload)
        else:
            self._currencies[date.fromisoformat(payload["effective_on"])] = payload["currency"]

    async def _learn(
        self, connection: Connection, step: Step, type_: str, payload: Mapping[str, Any]
    ) -> None:
        """Which cells speak may change with the day, a metric's declaration or the currency."""
        self._note(type_, payload)
        if self._day is None:
            return
        is_day = type_ == events.DAY_STARTED
        if not is_day or self._changes_on is None or self._day >= self._changes_on:
            stamp = Stamp(step.offset, step.at, self._day)
            await self._choose(connection, stamp, step.rows[: step.start])

    async def _set_target(
        self, connection: Connection, step: Step, payload: Mapping[str, Any]
    ) -> None:
        """Targets come in long runs with no posting between: they are looked up together."""
        if not self._is_used:
            await self._begin(connection, step.offset)
        if self._day is None:
            return
        self._pending[_key(payload)] = Stamp(step.offset, step.at, self._day)

    async def _settle(self, connection: Connection, rows: Sequence[PostingRow]) -> None:
        pending, self._pending = self._pending, {}
        found = await self._watches_of(connection, list(pending))
        await self._replace(connection, pending, found, rows)
        for key, stamp in pending.items():
            if key in self._watches:
                self._judge(self._watches[key], stamp)

    async def _choose(
        self, connection: Connection, stamp: Stamp | None, rows: Sequence[PostingRow]
    ) -> None:
        """Which cells speak on this day, of all owners and metrics."""
        if self._day is None:
            return
        found = await self._watches_of(connection, None)
        concerned = dict.fromkeys(
            [*self._watches, *((w.scope, w.metric.code) for w in found)], stamp
        )
        await self._replace(connection, concerned, found, rows)

    async def _watches_of(self, connection: Connection, keys: list[Key] | None) -> list[Watch]:
        assert self._day is not None
        self._changes_on = await store.changes_on(connection, self._tenant_id, self._day)
        return await store.watches(
            connection, self._tenant_id, self._day, self._metrics, self._currency, keys
        )

    async def _replace(
        self, connection: Connection, concerned: Mapping[Key, Stamp | None],
        found: Iterable[Watch], rows: Sequence[PostingRow],
    ) -> None:  # fmt: skip
        """The watches of the concerned owners and metrics become those found."""
        new = {(watch.scope, watch.metric.code): watch for watch in found}
        fresh = []
        for key, stamp in concerned.items():
            old, watch = self._watches.pop(key, None), new.get(key)
            if old is not None:
                self._unwatch(old)
                if stamp is not None and (watch is None or watch.target_id != old.target_id):
                    self._drop(old, stamp)
            if watch is None:
                continue
            self._watches[key] = watch
            if old is not None and old.counts_like(watch):
                watch.above, watch.below = old.above, old.below
            else:
                fresh.append(watch)
        if fresh:
            await store.sum_up(connection, self._tenant_id, fresh)
            _count(_counting(fresh), rows)
        for measure, counting in _counting(new.values()).items():
            self._counting[measure] += counting
        await self._recall(connection, new.values())

    async def _recall(self, connection: Connection, watches: Iterable[Watch]) -> None:
        """The alerts that these cells have had before."""
        unknown = {w.target_id for w in watches if w.target_id not in self._alerts}
        if not unknown:
            return
        known = await store.of_targets(connection, self._tenant_id, list(unknown))
        # What this batch changed is not stored yet.
        for alert in (*known, *self._changed.values()):
            if alert.target_id in unknown:
                self._alerts[alert.target_id] = alert

    def _unwatch(self, watch: Watch) -> None:
        for term, _ in watch.terms:
            key = (watch.scope, term.measure)
            self._counting[key] = [kept for kept in self._counting[key] if kept[0] is not watch]

    def _drop(self, watch: Watch, stamp: Stamp) -> None:
        """The cell no longer speaks: its alert is closed, with the last word on its period."""
        alert = self._alerts.pop(watch.target_id, None)
        if alert is None or alert.status == "resolved":
            return
        is_over = stamp.on > watch.last_on
        if is_over:
            last = alerts.follow(alert, watch, stamp, self._id)
            assert last is not None
            alert = last
        if alert.status != "resolved":
            alert = alerts.resolve(alert, "over" if is_over else "withdrawn", stamp)
        self._changed[alert.id] = alert

    def _judge(self, watch: Watch, stamp: Stamp) -> None:
        known = self._alerts.get(watch.target_id)
        after = alerts.follow(known, watch, stamp, self._id)
        if after is not None and after is not known:
            self._alerts[watch.target_id] = self._changed[after.id] = after

    async def _acknowledge(
        self, connection: Connection, step: Step, payload: Mapping[str, Any]
    ) -> None:
        known = self._changed.get(payload["alert_id"]) or await store.one(
            connection, self._tenant_id, payload["alert_id"]
        )
        if known is None or self._day is None:
            return
        stamp = Stamp(step.offset, step.at, self._day)
        after = alerts.acknowledge(known, payload["light"], payload["by"], stamp)
        if after is not known:
            if after.target_id in self._alerts:
                self._alerts[after.target_id] = after
            self._changed[after.id] = after

    def _id(self, target_id: str) -> str:
        return ids.derived(self._tenant_id, f"alert/{target_id}")


def _key(target_set: Mapping[str, Any]) -> Key:
    return target_set["owner"]["id"], target_set["metric"]


def _counting(watches: Iterable[Watch]) -> dict[Key, list[tuple[Watch, Term, bool]]]:
    found: dict[Key, list[tuple[Watch, Term, bool]]] = defaultdict(list)
    for watch in watches:
        for term, is_below in watch.terms:
            found[watch.scope, term.measure].append((watch, term, is_below))
    return found


def _count(
    counting: Mapping[Key, Sequence[tuple[Watch, Term, bool]]], rows: Iterable[PostingRow]
) -> list[Watch]:
    """Add postings to what counts them; the watches that moved."""
    touched: dict[int, Watch] = {}
    for row in rows:
        key = row.posting.key
        for watch, term, is_below in counting.get((key.scope, key.measure), ()):
            if watch.count(row.posting, term, is_below=is_below):
                touched[id(watch)] = watch
    return list(touched.values())
