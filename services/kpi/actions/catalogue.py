"""The metric catalogue: declared by facts, held in memory, changed by who may configure."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from services.kit import ids, limits
from services.kit.db import Connection
from services.kit.errors import Conflict
from services.kpi.actions.facts import Fact
from services.kpi.domain import events, metrics
from services.kpi.domain.metrics import CATALOGUE, Metric, MetricInvalid
from services.kpi.store import metrics as store

_TENANTS_KEPT = 64


class Catalogue(NamedTuple):
    """A tenant's metrics by code, as of the offset of the last declaration."""

    offset: int
    metrics: Mapping[str, Metric]

    def chosen(self, codes: Iterable[str] | None) -> list[Metric]:
        """The metrics of these codes, or all; unknown codes are left out."""
        if codes is None:
            return list(self.metrics.values())
        return [self.metrics[code] for code in dict.fromkeys(codes) if code in self.metrics]


class Catalogues:
    """The catalogues of this process; the head is asked in each transaction, so none is stale."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Catalogue] = OrderedDict()

    async def get(self, connection: Connection, tenant_id: str) -> Catalogue:
        offset = await store.head(connection, tenant_id)
        known = self._known.get(tenant_id)
        if known is None or known.offset != offset:
            known = Catalogue(offset, await store.catalogue(connection, tenant_id))
            self._known[tenant_id] = known
            if len(self._known) > _TENANTS_KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(tenant_id)
        return known


def default_facts(tenant_id: str, declared: Iterable[str], now: datetime) -> list[Fact]:
    """The default catalogue without what is declared already; the same ids whoever asks."""
    known = set(declared)
    return [
        _fact(ids.derived(tenant_id, f"{events.METRIC_DECLARED}/{metric.code}"), metric, now)
        for metric in CATALOGUE
        if metric.code not in known
    ]


def change(catalogue: Catalogue, metric: Metric, now: datetime) -> list[Fact]:
    """The fact that declares `metric`; none where it is declared so already."""
    known = catalogue.metrics.get(metric.code)
    if known == metric:
        return []
    metrics.check(metric)
    if known is None and len(catalogue.metrics) >= limits.METRICS:
        raise MetricInvalid(f"a tenant has at most {limits.METRICS} metrics", path="code")
    if known is not None and known.unit != metric.unit:
        # Targets were set in it, and periods closed.
        raise Conflict(f"{metric.code} is measured in {known.unit}: take another code", path="unit")
    return [_fact(ids.new(), metric, now)]


def _fact(id_: str, metric: Metric, now: datetime) -> Fact:
    payload = metrics.to_payload(metric)
    return Fact(id_, events.METRIC_DECLARED, f"metric:{metric.code}", now, payload)
