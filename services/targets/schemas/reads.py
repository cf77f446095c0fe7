"""What is read of the organisation."""

from datetime import date

from pydantic import Field

from services.targets.actions.members import MemberView
from services.targets.actions.units import Staff, UnitView
from services.targets.schemas.wire import Wire


class Reference(Wire):
    id: str = Field(description="our id")
    name: str = Field(description="what people call it, or them")

    @classmethod
    def of(cls, found_id: str | None, name: str | None) -> "Reference | None":
        return None if found_id is None or name is None else cls(id=found_id, name=name)


class MemberRead(Wire):
    id: str = Field(description="our id")
    external_id: str = Field(description="`<connection>:<id>`", examples=["hr:wang"])
    name: str = Field(description="the person's name")
    unit: Reference | None = Field(description="the unit they are in on the day")
    manager: Reference | None = Field(description="the nearest manager above them on the day")
    tenure_months: int = Field(description="complete months since joining, on the day")
    joined_on: date = Field(description="the first day")
    left_on: date | None = Field(description="the first day they are no longer there")
    asked: list[str] = Field(description="the ids of the request that meant this member")

    @classmethod
    def of(cls, view: MemberView) -> "MemberRead":
        one = view.member
        return cls(
            id=one.id, external_id=one.external_id, name=one.name,
            unit=Reference.of(one.unit_id, view.unit_name),
            manager=Reference.of(view.manager_id, view.manager_name),
            tenure_months=view.tenure_months, joined_on=one.joined_on, left_on=one.left_on,
            asked=list(view.asked),
        )  # fmt: skip


class UnitRead(Wire):
    id: str = Field(description="our id")
    external_id: str = Field(description="`<connection>:<id>`", examples=["hr:east"])
    name: str = Field(description="what people call it")
    kind: str | None = Field(description="what sort of unit, as the tenant names it")
    parent_id: str | None = Field(description="the unit above on the day")
    manager_id: str | None = Field(description="the member who manages it on the day")
    manager_name: str | None = Field(description="that member's name")
    asked: list[str] = Field(description="the ids of the request that meant this unit")

    @classmethod
    def of(cls, view: UnitView) -> "UnitRead":
        unit = view.unit
        return cls(
            id=unit.id, external_id=unit.external_id, name=unit.name, kind=unit.kind,
            parent_id=view.parent_id, manager_id=view.manager_id, manager_name=view.manager_name,
            asked=list(view.asked),
        )  # fmt: skip


_NEXT = "for the next page as `cursor`; null: this is the last"


class Members(Wire):
    items: list[MemberRead] = Field(description="by id: in the order asked; as a list: by name")
    next_cursor: str | None = Field(description=_NEXT)


class Units(Wire):
    items: list[UnitRead] = Field(description="by id: in the order asked; as a list: by name")
    next_cursor: str | None = Field(description=_NEXT)


class Children(Wire):
    unit_id: str = Field(description="the unit above")
    asked: list[str] = Field(description="the ids of the request that meant it")
    children: list[UnitRead] = Field(description="the units right below it, by name")


class ChildrenOfUnits(Wire):
    items: list[Children] = Field(description="one for each unit found, in the order asked")


class StaffRead(Wire):
    unit_id: str = Field(description="the unit")
    asked: list[str] = Field(description="the ids of the request that meant it")
    total_count: int = Field(description="members in it and below it on the day")
    items: list[MemberRead] = Field(description="a page of them, by name")
    next_cursor: str | None = Field(description=_NEXT)

    @classmethod
    def of(cls, staff: Staff, page: list[MemberRead], next_cursor: str | None) -> "StaffRead":
        return cls(
            unit_id=staff.unit_id, asked=list(staff.asked), total_count=staff.total_count,
            items=page, next_cursor=next_cursor,
        )  # fmt: skip


class StaffOfUnits(Wire):
    items: list[StaffRead] = Field(description="one for each unit found, in the order asked")


class OutboxRead(Wire):
    pending: int = Field(description="facts that kpi has not yet accepted")
    oldest_age_seconds: float = Field(
        description="age of the oldest of them; 0 where there is none"
    )
