"""Business metrics: ingestion, and what waits between the services; RED metrics are http's.

Names and labels hold no ids.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.kit.lag import Lag
from services.kit.outbox import Outbox


def watch_outbox(registry: CollectorRegistry, outbox: Outbox) -> None:
    """How long facts wait for kpi, and whether it is kpi that will not have them."""
    age = Gauge(
        "outbox_oldest_seconds", "Age of the oldest fact kpi has not accepted", registry=registry
    )
    age.set_function(lambda: outbox.oldest_seconds)
    refused = Gauge(
        "outbox_refused_tenants", "Tenants whose oldest fact kpi refuses", registry=registry
    )
    refused.set_function(lambda: outbox.refused_tenants)


def watch_lag(registry: CollectorRegistry, lag: Lag) -> None:
    """How far what is read from the log is behind it."""
    entries = Gauge(
        "log_behind_entries", "Entries of the log that are not yet taken", registry=registry
    )
    entries.set_function(lambda: lag.entries)
    seconds = Gauge(
        "log_behind_seconds", "Longest that a tenant is behind and does not move", registry=registry
    )
    seconds.set_function(lambda: lag.seconds)


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
