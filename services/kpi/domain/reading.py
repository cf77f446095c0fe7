"""How an item becomes drafts: by a connection's mapping, or as an event of our own API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.kpi.domain import intake
from services.kpi.domain.intake import Retraction
from services.kpi.domain.intake.fields import EVENTS_NAMESPACE
from services.kpi.domain.mapping import CompiledMapping
from services.kpi.domain.observation import Draft, Pipeline, Unusable


@dataclass(frozen=True, slots=True)
class Context:
    """What reading an item may need of the tenant."""

    pipelines: Mapping[str, Pipeline]
    currency: str | None
    now: datetime

    @property
    def default_pipeline(self) -> str | None:
        return next(iter(self.pipelines), None)


class Reader(Protocol):
    @property
    def namespace(self) -> str:
        """Whose external ids the records' are: a connection's short name."""
        ...

    def read(
        self, item: Any, key: str, context: Context
    ) -> Sequence[Draft] | Retraction | Unusable: ...


@dataclass(frozen=True, slots=True)
class MappingReader:
    mapping: CompiledMapping
    namespace: str

    def read(
        self,
        item: Any,
        key: str,
        context: Context,  # noqa: ARG002 — the mapping knows it all
    ) -> Sequence[Draft] | Unusable:
        return self.mapping.drafts(item, key=None if self.mapping.keyed else key)


@dataclass(frozen=True, slots=True)
class EventReader:
    namespace: str = EVENTS_NAMESPACE

    def read(
        self,
        item: Any,
        key: str,  # noqa: ARG002 — an event has an id of its own
        context: Context,
    ) -> Sequence[Draft] | Retraction | Unusable:
        found = intake.read(
            item, pipelines=context.pipelines, default_currency=context.currency,
            default_pipeline=context.default_pipeline,
        )  # fmt: skip
        return [found] if isinstance(found, Draft) else found
