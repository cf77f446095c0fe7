"""Compensation plans: versioned documents, each in force from the start of a period (method.md 3).

A plan says over which period its bands count, how credit is paid, and who is eligible: everybody,
or the members and units it names (a unit stands for everything below it, as the organisation is on
the period's first day). A member has one plan in any period. A new version of a plan ends the one
before; two different plans that meet in one member are refused when the second is activated. Where
people move into such an overlap later, the plan that was activated first holds.

What is taken back of pay is taken back in the currency it was paid in, so that one member's plans
have one currency, whenever they are in force; and a period of which a part is closed stays cut as
it was, so that no credit falls between two statements.

>>> terms = Terms.read({"name": "Sales", "period": "quarter", "currency": "CNY", "components": [
...     {"code": "commission", "kind": "commission", "mode": "marginal", "rounding": "half_even",
...      "bands": [{"up_to": "1000000.00", "rate_bp": 800}, {"up_to": None, "rate_bp": 1000}]}],
...     "eligible": {"units": [], "members": []}})
>>> terms.components[0].bands
(Band(up_to_minor=100000000, rate_bp=800), Band(up_to_minor=None, rate_bp=1000))
>>> period_of(date(2026, 5, 20), "quarter", Calendar()).code
'2026-Q2'
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, Self

from services.incentives.domain.commission import Band, Commission
from services.kit.errors import Conflict, Invalid
from services.kit.money import WHOLE_BP, Money, MoneyInvalid, Rounding, decimals_of
from services.kit.period import Calendar, Period, parent

PeriodKind = Literal["month", "quarter", "year"]
MOST_COMPONENTS = 10
MOST_BANDS = 20
MOST_NAMED = 1_000
"""Units or members that a plan names, at most."""


class CompensationPlanInvalid(Invalid):
    """A document that is no compensation plan; `path` names the fault."""

    code = "compensation_plan_invalid"


class CompensationPlanOverlap(Conflict):
    """A member would have two compensation plans in one period."""

    code = "compensation_plan_overlap"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan's document says."""

    name: str
    period: PeriodKind
    currency: str
    components: tuple[Commission, ...]
    units: frozenset[str]
    members: frozenset[str]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From a document of the right shape (schemas.plans); CompensationPlanInvalid says where
        it breaks a rule.
        """
        currency = document["currency"]
        try:
            decimals_of(currency)
        except MoneyInvalid as wrong:
            raise CompensationPlanInvalid(wrong.message, path="currency") from None
        codes = [component["code"] for component in document["components"]]
        for number, code in enumerate(codes):
            if code in codes[:number]:
                raise CompensationPlanInvalid(
                    f"two components have the code {code}", path=f"components.{number}.code"
                )
        components = tuple(
            _commission(component, currency, f"components.{number}")
            for number, component in enumerate(document["components"])
        )
        eligible = document["eligible"]
        return cls(
            document["name"], document["period"], currency, components,
            frozenset(eligible["units"]), frozenset(eligible["members"]),
        )  # fmt: skip

    def covers(self, member_id: str, units: Collection[str]) -> bool:
        """Whether a member in these units (with all above them) is eligible."""
        if not self.units and not self.members:
            return True
        return member_id in self.members or not self.units.isdisjoint(units)


@dataclass(frozen=True, slots=True)
class ActivePlan:
    """Terms in force on [effective_on, ends_on]; `rank` counts activations."""

    id: str
    version: int
    terms: Terms
    effective_on: date
    ends_on: date | None
    rank: int = 0

    def holds(self, day: date) -> bool:
        return self.effective_on <= day and (self.ends_on is None or day <= self.ends_on)

    def period(self, day: date, calendar: Calendar) -> Period:
        return period_of(day, self.terms.period, calendar)


Units = Callable[[str, date], Collection[str]]
"""The units a member is in on a day, with all units above them."""


def plan_of(
    plans: Iterable[ActivePlan], member_id: str, day: date, units: Units, calendar: Calendar
) -> ActivePlan | None:
    """The member's plan in the period around `day`."""
    for plan in sorted(plans, key=lambda one: one.rank):
        if plan.holds(day) and _covers(plan, member_id, day, units, calendar):
            return plan
    return None


def refuse_overlap(
    new: ActivePlan, others: Iterable[ActivePlan], members: Sequence[str], units: Units,
    calendar: Calendar,
) -> None:  # fmt: skip
    """CompensationPlanOverlap where a member has, from the new plan's first day on, another one as well."""
    for other in others:
        if other.ends_on is not None and other.ends_on < new.effective_on:
            continue
        if new.ends_on is not None and new.ends_on < other.effective_on:
            continue
        day = max(new.effective_on, other.effective_on)
        named = new.terms.members & other.terms.members
        everybody = [t for t in (new.terms, other.terms) if not t.units and not t.members]
        if named or len(everybody) == 2 or any(
            _covers(new, member, day, units, calendar)
            and _covers(other, member, day, units, calendar)
            for member in members
        ):  # fmt: skip
            raise CompensationPlanOverlap(
                f"plan {other.terms.name!r} pays some of the same members from {day} on: end it "
                "with a new version, or make the two name different members",
                path="eligible",
            )


def refuse_other_currency(
    new: ActivePlan, others: Iterable[ActivePlan], members: Sequence[str], units: Units,
    calendar: Calendar,
) -> None:  # fmt: skip
    """CompensationPlanInvalid where another plan pays one of the members in another currency."""
    for other in others:
        was_in_force = other.ends_on is None or other.effective_on <= other.ends_on
        if (
            was_in_force
            and other.terms.currency != new.terms.currency
            and any(
                _covers(new, member, new.effective_on, units, calendar)
                and _covers(other, member, other.effective_on, units, calendar)
                for member in members
            )
        ):
            raise CompensationPlanInvalid(
                f"plan {other.terms.name!r} pays some of the same members in "
                f"{other.terms.currency}: one member is paid in one currency",
                path="currency",
            )


def refuse_cutting(
    new: ActivePlan, closed: Iterable[tuple[str, date, date]], units: Units, calendar: Calendar
) -> None:
    """Invalid where a period of the new plan holds more than what is `closed` of it: statements by
    member, first and last day.
    """
    for member, first, last in closed:
        ends = (new.period(first, calendar), new.period(last, calendar))
        if (ends[0].first < first or last < ends[1].last) and _covers(
            new, member, first, units, calendar
        ):
            raise Invalid(
                f"pay is closed from {first} to {last}, which is no whole {new.terms.period}: "
                f"start with a {new.terms.period} after it",
                path="effective_from",
            )


def _covers(plan: ActivePlan, member_id: str, day: date, units: Units, calendar: Calendar) -> bool:
    if not plan.terms.units or member_id in plan.terms.members:
        return plan.terms.covers(member_id, ())
    return plan.terms.covers(member_id, units(member_id, plan.period(day, calendar).first))


def first_day(terms: Terms, code: str, calendar: Calendar) -> date:
    """The day on which a plan starts that is effective from the period `code`."""
    period = Period.parse(code, calendar)
    if period.kind != terms.period:
        raise Invalid(
            f"{code} is a {period.kind}; the plan counts by the {terms.period}",
            path="effective_from",
        )
    return period.first


@lru_cache(maxsize=4_096)
def period_of(day: date, kind: PeriodKind, calendar: Calendar) -> Period:
    """The calendar month, fiscal quarter or fiscal year around a day."""
    period = Period.parse(day.isoformat()[:7], calendar)
    while period.kind != kind:
        above = parent(period, calendar)
        assert above is not None, "a month has a quarter and a year"
        period = above
    return period


def _commission(component: Mapping[str, Any], currency: str, path: str) -> Commission:
    bands: list[Band] = []
    before = 0
    last = len(component["bands"]) - 1
    for number, band in enumerate(component["bands"]):
        here = f"{path}.bands.{number}"
        if not 0 <= band["rate_bp"] <= WHOLE_BP:
            raise CompensationPlanInvalid(
                f"a rate is 0 to {WHOLE_BP} basis points", path=f"{here}.rate_bp"
            )
        if (band["up_to"] is None) != (number == last):
            raise CompensationPlanInvalid(
                "the last band, and only that one, has no end: up_to is null", path=f"{here}.up_to"
            )
        up_to = None if band["up_to"] is None else _minor(band["up_to"], currency, f"{here}.up_to")
        if up_to is not None:
            if up_to <= before:
                raise CompensationPlanInvalid(
                    "bands ascend, and the first one ends above nothing", path=f"{here}.up_to"
                )
            before = up_to
        bands.append(Band(up_to, band["rate_bp"]))
    return Commission(
        component["code"], component["mode"], tuple(bands), currency,
        Rounding(component["rounding"]),
    )  # fmt: skip


def _minor(text: str, currency: str, path: str) -> int:
    try:
        return Money.parse(text, currency).amount_minor
    except MoneyInvalid as wrong:
        raise CompensationPlanInvalid(wrong.message, path=path) from None
