"""Business metrics of ingestion; RED metrics are http's. Names and labels hold no ids."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge


class IngestMetrics:
    def __init__(self, registry: CollectorRegistry, waiting: Callable[[], int]) -> None:
        self._items = Counter(
            "ingest_items_total",
            "Items by source and result",
            ["source", "result"],
            registry=registry,
        )
        self._refused = Counter(
            "ingest_refused_total", "Deliveries refused whole, by code", ["code"], registry=registry
        )
        depth = Gauge("ingest_waiting_items", "Items not yet committed", registry=registry)
        depth.set_function(waiting)

    def results(self, source: str, statuses: Iterable[str]) -> None:
        for status in statuses:
            self._items.labels(source, status).inc()

    def refused(self, code: str) -> None:
        self._refused.labels(code).inc()
