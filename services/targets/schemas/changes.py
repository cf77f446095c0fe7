"""What changes a tenant and its organisation, and the answers to it."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from services.kit import limits
from services.kit.organisation.dated import WHOLE_BP
from services.kit.period import WeekRule
from services.targets.actions.tenants import Tenant
from services.targets.domain.imports import Difference
from services.targets.domain.records import MemberRecord
from services.targets.domain.statement import MemberRow, Statement, UnitRow
from services.targets.schemas.wire import (
    Connection,
    Day,
    ExternalId,
    Name,
    ShareBp,
    Wire,
    our_id,
)


class TenantWrite(Wire):
    zone: str = Field(description="IANA time zone", max_length=60, examples=["Asia/Shanghai"])
    currency: str = Field(description="ISO 4217 currency", max_length=3, examples=["CNY"])
    fiscal_start_month: Annotated[int, Field(strict=True)] = Field(
        1, ge=1, le=12, description="month in which the fiscal year starts", examples=[1]
    )
    week_rule: WeekRule = Field("iso_clipped", description="how a month is cut into weeks")
    id: Annotated[str, AfterValidator(our_id)] | None = Field(
        None, description="the new tenant's id; without it one is made", examples=[None]
    )


class TenantRead(Wire):
    id: str = Field(
        description="the tenant's id", examples=["019ab000-0000-7000-8000-000000000001"]
    )
    short_name: str = Field(description="the name in tokens and commands", examples=["demo"])
    zone: str = Field(description="IANA time zone of its business days", examples=["Asia/Shanghai"])
    currency: str = Field(description="ISO 4217 currency", examples=["CNY"])
    fiscal_start_month: int = Field(description="month in which the fiscal year starts")
    week_rule: WeekRule = Field(description="how a month is cut into weeks")
    effective_on: date = Field(description="the day from which these choices hold")

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantRead":
        chosen = tenant.chosen
        return cls(
            id=tenant.id, short_name=tenant.short_name, zone=chosen.zone, currency=chosen.currency,
            fiscal_start_month=chosen.fiscal_start_month, week_rule=chosen.week_rule,
            effective_on=tenant.effective_on,
        )  # fmt: skip


class UnitWrite(Wire):
    external_id: ExternalId = Field(
        description="the unit's id in the connection", examples=["east"]
    )
    name: Name = Field(description="what people call it", examples=["华东 East"])
    parent_external_id: ExternalId | None = Field(
        None, description="the unit above; null for a root", examples=["company"]
    )
    manager_external_id: ExternalId | None = Field(
        None, description="the member who manages it; null for nobody", examples=["li-na"]
    )
    kind: Name | None = Field(
        None, description="what sort of unit, as you name it", examples=["region"]
    )


class MemberWrite(Wire):
    external_id: ExternalId = Field(
        description="the member's id in the connection", examples=["wang"]
    )
    name: Name = Field(description="the person's name", examples=["王伟 Wang Wei"])
    unit_external_id: ExternalId | None = Field(
        None,
        description="the unit they work in; null for none, as for managers who do not sell",
        examples=["east"],
    )
    joined_on: Day | None = Field(
        None,
        description="the first day; without it the known one, or as_of",
        examples=["2025-11-23"],
    )
    left_on: Day | None = Field(
        None,
        description="the first day they are no longer there; null: still there",
        examples=[None],
    )
    share_bp: ShareBp = Field(WHOLE_BP, description="share of their work in the unit, basis points")


class OrganisationWrite(Wire):
    connection: Connection = Field(
        description="whose ids these are: an external id becomes `<connection>:<id>`",
        examples=["hr"],
    )
    as_of: Day = Field(
        description="the day from which the rows hold; earlier days stay as they were",
        examples=["2026-01-01"],
    )
    units: list[UnitWrite] = Field(
        [], max_length=limits.ARRAY_ITEMS, description="units in any order, 1,000 at most"
    )
    members: list[MemberWrite] = Field(
        [], max_length=limits.ARRAY_ITEMS, description="members in any order, 1,000 at most"
    )

    def statement(self) -> Statement:
        return Statement(
            self.connection,
            self.as_of,
            tuple(
                UnitRow(row.external_id, row.name, row.parent_external_id,
                        row.manager_external_id, row.kind)
                for row in self.units
            ),
            tuple(
                MemberRow(row.external_id, row.name, row.unit_external_id, row.joined_on,
                          row.left_on, row.share_bp)
                for row in self.members
            ),
        )  # fmt: skip


class ImportRead(Wire):
    created: int = Field(description="rows that are new", examples=[12])
    changed: int = Field(description="rows that differ from what was known", examples=[3])
    unchanged: int = Field(description="rows that say what is known", examples=[85])

    @classmethod
    def of(cls, change: Difference) -> "ImportRead":
        return cls(created=change.created, changed=change.changed, unchanged=change.unchanged)


class MoveWrite(Wire):
    unit_id: ExternalId = Field(
        description="the unit to move to: our id or an external one", examples=["hr:east"]
    )
    on: Day = Field(description="the first day in that unit", examples=["2026-07-01"])
    share_bp: ShareBp = Field(WHOLE_BP, description="share of their work in the unit, basis points")


class MembershipRead(Wire):
    unit_id: str = Field(description="the unit's id")
    starts_on: date = Field(description="the first day in it")
    ends_on: date | None = Field(description="the first day no longer in it; null: open")
    share_bp: int = Field(description="share of the member's work, basis points")


class MoveRead(Wire):
    member_id: str = Field(description="the member's id")
    memberships: list[MembershipRead] = Field(description="the whole history after the move")

    @classmethod
    def of(cls, member: MemberRecord) -> "MoveRead":
        return cls(
            member_id=member.id,
            memberships=[
                MembershipRead(unit_id=span.unit_id, starts_on=span.starts_on,
                               ends_on=span.ends_on, share_bp=span.share_bp)
                for span in member.memberships
            ],
        )  # fmt: skip
