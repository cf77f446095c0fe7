"""Earnings, statements and credits on the wire. Amounts are plain decimals beside a currency."""

from datetime import date, datetime
from typing import Self

from pydantic import Field

from services.incentives.actions.earnings import Earnings
from services.incentives.domain.credits import Credit
from services.incentives.domain.lines import Line
from services.incentives.domain.policy import View
from services.incentives.schemas.wire import DAY, ID, State, TextRead, Wire
from services.incentives.store.statements import StatementRecord
from services.kit.money import Money


class InputRead(Wire):
    name: str = Field(description="what it is", examples=["slice"])
    value: str = Field(description="a plain decimal, date, period or word", examples=["880000.00"])


class ExplainRead(Wire):
    """Whoever reads it can work the amount out again."""

    rule: str = Field(
        description="commission.marginal, commission.retroactive, commission.later_change or "
        "adjustment",
        examples=["commission.marginal"],
    )
    inputs: list[InputRead] = Field(description="all that the rule takes")
    text: TextRead = Field(description="the arithmetic in words")


class LineRead(Wire):
    component: str = Field(description="of the plan", examples=["commission"])
    amount: str = Field(description="in major units; negative: taken back", examples=["70400.00"])
    explain: ExplainRead = Field(description="rule, inputs and words")
    event_ids: list[str] = Field(description="of the log, the first 100; credits list them all")

    @classmethod
    def of(cls, line: Line, currency: str) -> Self:
        inputs = [InputRead(name=name, value=value) for name, value in line.inputs.items()]
        return cls(
            component=line.component, amount=str(Money(line.amount_minor, currency)),
            explain=ExplainRead(rule=line.rule, inputs=inputs, text=TextRead(**line.text)),
            event_ids=list(line.event_ids),
        )  # fmt: skip


class NextBandRead(Wire):
    gap: str = Field(description="credit to go until the next rate band", examples=["120000.00"])
    worth: str = Field(
        description="what that adds: by then (marginal), or just past it (retroactive)",
        examples=["9600.00"],
    )


class EarningsRead(Wire):
    member_id: str = Field(description="whose", examples=[ID])
    period: str = Field(
        description="the plan's period around the asked one, or the asked one where it holds several",
        examples=["2026-Q1"],
    )  # fmt: skip
    status: State = Field(description="the least settled of the statements")
    currency: str = Field(description="ISO 4217 code", examples=["CNY"])
    earned: str = Field(description="in major units, so far", examples=["70400.00"])
    projected: str = Field(description="at run rate, by business days", examples=["152533.33"])
    next_band: NextBandRead | None = Field(
        description="null in the last band and on closed statements"
    )
    lines: list[LineRead] | None = Field(description="null for who may see totals only")

    @classmethod
    def of(cls, pay: Earnings) -> Self:
        def shown(minor: int) -> str:
            return str(Money(minor, pay.currency))

        band = pay.next_band
        return cls(
            member_id=pay.member_id, period=pay.period, status=pay.state, currency=pay.currency,
            earned=shown(pay.earned_minor), projected=shown(pay.projected_minor),
            next_band=NextBandRead(gap=shown(band.gap_minor), worth=shown(band.worth_minor))
            if band else None,
            lines=None if pay.lines is None
            else [LineRead.of(line, pay.currency) for line in pay.lines],
        )  # fmt: skip


class EarningsOfMembers(Wire):
    offset: int = Field(description="the offset of the log that the answer reflects")
    items: list[EarningsRead] = Field(
        description="in the order asked; who has no plan, is unknown or not visible is absent"
    )


class StatementRead(Wire):
    id: str = Field(description="our id", examples=[ID])
    member_id: str = Field(description="whose", examples=[ID])
    period: str = Field(description="of the plan", examples=["2026-Q1"])
    first_on: date = Field(description="the period's first day", examples=[DAY])
    last_on: date = Field(description="the period's last day", examples=["2026-03-31"])
    status: State = Field(description="approval lapses when the figures change")
    plan_id: str = Field(description="the compensation plan's version", examples=[ID])
    currency: str = Field(description="ISO 4217 code", examples=["CNY"])
    total: str = Field(description="the sum of the lines, in major units", examples=["240000.00"])
    credited: str | None = Field(
        description="what fills the bands, in major units; null for who may see totals only"
    )
    hash: str | None = Field(
        description="SHA-256 of plan, inputs and lines; null for who may see totals only"
    )
    approved_at: datetime | None = Field(description="when these figures were approved")
    closed_at: datetime | None = Field(description="when it was closed")
    lines: list[LineRead] | None = Field(
        description="null in lists, and for who may see totals only"
    )

    @classmethod
    def of(cls, record: StatementRecord, view: View, *, whole: bool = False) -> Self:
        lines = [LineRead.of(line, record.currency) for line in record.lines]
        full = view is View.LINES
        return cls(
            id=record.id, member_id=record.member_id, period=record.period,
            first_on=record.first_on, last_on=record.last_on, status=record.state,
            plan_id=record.plan_id, currency=record.currency,
            total=str(Money(record.total_minor, record.currency)),
            credited=str(Money(record.credited_minor, record.currency)) if full else None,
            hash=record.hash if full else None,
            approved_at=None if record.state == "live" else record.approved_at,
            closed_at=record.closed_at, lines=lines if whole and full else None,
        )  # fmt: skip


class StatementAnswer(Wire):
    statement: StatementRead = Field(description="with its lines")
    offset: int = Field(description="the offset of the log that the answer reflects")


class Statements(Wire):
    offset: int = Field(description="the offset of the log that the answer reflects")
    items: list[StatementRead] = Field(description="by first day and member")
    next_cursor: str | None = Field(description="for the next page; null at the end")


class CreditRead(Wire):
    member_id: str = Field(description="who is credited", examples=[ID])
    deal: str = Field(description="the deal's subject in the log", examples=["deal:crm:D-17"])
    event_id: str = Field(description="the event of the log that it follows from", examples=[ID])
    kind: str = Field(
        description="won, refunded, amount_changed, reopened, lost, deleted or restored",
        examples=["won"],
    )
    won_on: date = Field(description="the day of the win it belongs to", examples=[DAY])
    credited_on: date = Field(description="the day it is dated on", examples=[DAY])
    currency: str = Field(description="ISO 4217 code", examples=["CNY"])
    amount: str = Field(description="in major units; negative: taken back", examples=["60.00"])

    @classmethod
    def of(cls, credit: Credit) -> Self:
        return cls(
            member_id=credit.member_id, deal=credit.deal, event_id=credit.event_id,
            kind=credit.kind, won_on=credit.won_on, credited_on=credit.credited_on,
            currency=credit.currency, amount=str(Money(credit.amount_minor, credit.currency)),
        )  # fmt: skip


class Credits(Wire):
    offset: int = Field(description="the offset of the log that the answer reflects")
    items: list[CreditRead] = Field(description="by day, deal and event")
    next_cursor: str | None = Field(description="for the next page; null at the end")
