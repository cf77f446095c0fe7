"""Reps and units: people and places of the organisation, as the schema shows them.

A rep or unit that is only named by another one (`manager { id name }`) is not loaded until a field
asks for more; those fields then load in one batch.
"""

from typing import Any

import strawberry

from gateway.context import Info
from gateway.fields import resolved
from gateway.kpi.client import Slice
from gateway.kpi.types import Channel, Funnel, InPeriod, Pipeline, Product, funnel_of
from gateway.paging import After, First, PageInfo, page_size
from gateway.targets import client
from gateway.targets.loaders import StaffKey
from services.kit import limits

_FUNNEL = "The funnel in a period; null where the viewer may not see it, or kpi does not answer."


@strawberry.interface(description="Who can own a target: a unit, or a person.")
class Owner:
    id: strawberry.ID = strawberry.field(description="Our id: a UUID, the same in every API.")
    name: str = strawberry.field(description="What people call it, or them.")


@strawberry.type(description="A member of the organisation seen as a seller.")
class Rep(Owner):
    row: strawberry.Private[client.Member | None] = None

    @classmethod
    def of(cls, row: client.Member) -> "Rep":
        return cls(id=strawberry.ID(row["id"]), name=row["name"], row=row)

    @classmethod
    def named(cls, reference: client.Reference | None) -> "Rep | None":
        if reference is None:
            return None
        return cls(id=strawberry.ID(reference["id"]), name=reference["name"])

    @resolved(
        graphql_type=str | None,
        description="`<connection>:<id>` in the system that named this person first; null where "
        "the viewer may not see it.",
    )
    def external_id(self, info: Info) -> Any:
        return self._known("external_id", info)

    @resolved(
        graphql_type=int | None,
        description="Complete months since joining, today; null where the viewer may not see it.",
    )
    def tenure_months(self, info: Info) -> Any:
        return self._known("tenure_months", info)

    @resolved(description="The unit they work in today; null where they are in none.")
    async def unit(self, info: Info) -> "Unit | None":
        return Unit.named(await self._loaded("unit", info))

    @resolved(description="The nearest manager above them today; null where there is none.")
    async def manager(self, info: Info) -> "Rep | None":
        return Rep.named(await self._loaded("manager", info))

    @resolved(description=_FUNNEL)
    async def funnel(
        self, info: Info, period: InPeriod, pipeline: Pipeline = None, product: Product = None,
        channel: Channel = None,
    ) -> Funnel | None:  # fmt: skip
        return await funnel_of(self.id, Slice(period, pipeline, product, channel), info)

    def _known(self, field: str, info: Info) -> Any:
        """The field's value at once where the row is here: no coroutine for each object."""
        return self.row.get(field) if self.row is not None else self._loaded(field, info)

    async def _loaded(self, field: str, info: Info) -> Any:
        row = self.row or await info.context.targets.members.load(self.id)
        return None if row is None else row.get(field)


@strawberry.type(description="Reps of a unit, page by page, ordered by name.")
class RepConnection:
    total_count: int = strawberry.field(description="How many there are on all pages.")
    nodes: list[Rep] = strawberry.field(description="The reps of this page.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")

    @classmethod
    def of(cls, staff: client.Staff) -> "RepConnection":
        return cls(
            total_count=staff["total_count"],
            nodes=[Rep.of(member) for member in staff["items"]],
            page_info=PageInfo.of(staff["next_cursor"]),
        )


@strawberry.type(description="A part of the organisation: a company, region or team.")
class Unit(Owner):
    row: strawberry.Private[client.Unit | None] = None

    @classmethod
    def of(cls, row: client.Unit) -> "Unit":
        return cls(id=strawberry.ID(row["id"]), name=row["name"], row=row)

    @classmethod
    def named(cls, reference: client.Reference | None) -> "Unit | None":
        if reference is None:
            return None
        return cls(id=strawberry.ID(reference["id"]), name=reference["name"])

    @resolved(
        graphql_type=str | None,
        description="`<connection>:<id>` in the system that named this unit first; null where the "
        "viewer may not see it.",
    )
    def external_id(self, info: Info) -> Any:
        if self.row is not None:
            return self.row["external_id"]
        return self._loaded("external_id", info)

    @resolved(
        description="The unit above today; null for a root, and where the viewer may not see it."
    )
    async def parent(self, info: Info) -> "Unit | None":
        parent_id = await self._loaded("parent_id", info)
        if parent_id is None:
            return None
        row = await info.context.targets.units.load(parent_id)
        return None if row is None else Unit.of(row)

    @resolved(
        description="The units right below it today, by name; null where they cannot be read."
    )
    async def children(self, info: Info) -> list["Unit"] | None:
        return [Unit.of(row) for row in await info.context.targets.children.load(self.id)]

    @resolved(
        description="Who works in the unit or below it today, by name; null where the viewer may "
        "not see them, or they cannot be read."
    )
    async def reps(
        self, info: Info, first: First = limits.PAGE_DEFAULT, after: After = None
    ) -> RepConnection | None:
        key = StaffKey(self.id, page_size(first), after)
        staff = await info.context.targets.staff.load(key)
        return None if staff is None else RepConnection.of(staff)

    @resolved(description=_FUNNEL)
    async def funnel(
        self, info: Info, period: InPeriod, pipeline: Pipeline = None, product: Product = None,
        channel: Channel = None,
    ) -> Funnel | None:  # fmt: skip
        return await funnel_of(self.id, Slice(period, pipeline, product, channel), info)

    async def _loaded(self, field: str, info: Info) -> Any:
        row = self.row or await info.context.targets.units.load(self.id)
        return None if row is None else row.get(field)
