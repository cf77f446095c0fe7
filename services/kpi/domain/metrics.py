"""The metric catalogue: what is counted, and how a metric's value follows from the postings.

method.md sections 1.1 and 4, "Metrics". A metric is a sum of terms; a term takes the count or the
amount of one measure of the funnel, over all pipelines, on the days of a period. A ratio has a
second sum below the line and rolls up as numerator ÷ denominator, never as a mean of ratios.

Values are whole numbers inside: money in minor units, counts in ones, percent and score in
hundredths. Rounding happens once, in `rounded`, where a value is shown or ranked.

>>> win_rate = next(metric for metric in CATALOGUE if metric.code == "win_rate")
>>> win_rate.value(3, 4), win_rate.value(0, 0)
(Fraction(7500, 1), None)
>>> rounded(win_rate.value(2, 3))
6667
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal

from services.kit.errors import Invalid
from services.kit.quantity import Unit

Direction = Literal["higher", "lower"]
MetricKind = Literal["process", "result"]
Value = Literal["amount", "count"]

MEASURES = (
    "created", "entered", "left", "advanced", "won", "lost", "activity", "collected", "refunded",
    "contract", "annual_fee", "due",
)  # fmt: skip
"""Measures that add up over days. `open` does not: it stands on a day."""
TERMS_MOST = 20
YELLOW_BELOW_BP = 8_000
RED_BELOW_BP = 6_000
"""The default lines of lights, in basis points of attainment."""
PERCENT_HUNDREDTHS = 10_000
"""The whole, in the unit of percent and score values."""
_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}")


class MetricInvalid(Invalid):
    """A declaration that defines no metric."""

    code = "metric_invalid"


class MeasureUnknown(MetricInvalid):
    """A term names a measure that is not posted, or that does not add up over days."""

    code = "measure_unknown"


class MetricUnknown(Invalid):
    """No metric has this code in the tenant."""

    code = "metric_unknown"


@dataclass(frozen=True, slots=True)
class Term:
    """What one term adds: `sign` × the count or the amount of a measure, narrowed where asked.

    `stage` is the pipeline's stage of a deal's measures, the kind of an `activity` or a `contract`.
    """

    measure: str
    value: Value
    stage: str | None = None
    sign: int = 1
    pipeline: str | None = None
    product: str | None = None
    channel: str | None = None


_FIELDS = frozenset(field.name for field in fields(Term))


@dataclass(frozen=True, slots=True)
class Lights:
    """Below `yellow_below_bp` of attainment a light is yellow, below `red_below_bp` it is red."""

    yellow_below_bp: int = YELLOW_BELOW_BP
    red_below_bp: int = RED_BELOW_BP


@dataclass(frozen=True, slots=True)
class Metric:
    """A declared metric. `name` has the languages en and zh."""

    code: str
    name: Mapping[str, str]
    kind: MetricKind
    unit: Unit
    direction: Direction
    numerator: tuple[Term, ...]
    denominator: tuple[Term, ...] | None = None
    lights: Lights = Lights()

    @property
    def is_rate(self) -> bool:
        """Whether periods and scopes do not add up: a ratio, or a percentage or score."""
        return self.denominator is not None or self.unit in {"percent", "score"}

    @property
    def scale(self) -> int:
        """By which a ratio's quotient becomes the unit's whole numbers."""
        return PERCENT_HUNDREDTHS if self.unit in {"percent", "score"} else 1

    def value(self, numerator: int, denominator: int | None) -> Fraction | None:
        """The exact value in the unit's whole numbers; None where nothing is below the line."""
        if self.denominator is None:
            return Fraction(numerator)
        if denominator is None or denominator <= 0:
            return None
        return Fraction(numerator * self.scale, denominator)


def rounded(value: Fraction) -> int:
    """The whole number nearest to a value, halves away from zero: the one rounding of metrics.

    >>> rounded(Fraction(5, 2)), rounded(Fraction(-5, 2)), rounded(Fraction(7, 3))
    (3, -3, 2)
    """
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def check(metric: Metric) -> Metric:
    """The metric, if its declaration holds together; else a refusal that names the place.

    >>> check(Metric("x", {"en": "X", "zh": "X"}, "result", "money", "higher",
    ...              (Term("open", "amount"),)))
    Traceback (most recent call last):
    ...
    services.kpi.domain.metrics.MeasureUnknown: 'open' is not a measure that adds up over days
    """
    if not _CODE.fullmatch(metric.code):
        raise MetricInvalid("a code is a-z, 0-9 and _, at most 63, a letter first", path="code")
    if set(metric.name) != {"en", "zh"} or not all(metric.name.values()):
        raise MetricInvalid("a name has the languages en and zh", path="name")
    _check_terms("numerator", metric.numerator)
    if metric.denominator is not None:
        _check_terms("denominator", metric.denominator)
    _check_unit(metric)
    lights = metric.lights
    if not 0 < lights.red_below_bp <= lights.yellow_below_bp:
        raise MetricInvalid("lights need 0 < red_below <= yellow_below", path="red_below")
    return metric


def _check_terms(side: str, terms: Sequence[Term]) -> None:
    if not 1 <= len(terms) <= TERMS_MOST:
        raise MetricInvalid(f"a side has 1 to {TERMS_MOST} terms", path=side)
    for number, term in enumerate(terms):
        if term.measure not in MEASURES:
            raise MeasureUnknown(
                f"{term.measure[:40]!r} is not a measure that adds up over days",
                path=f"{side}.{number}.measure",
            )
        if term.sign not in (1, -1):
            raise MetricInvalid("a sign is 1 or -1", path=f"{side}.{number}.sign")
    if len({term.value for term in terms}) > 1:
        raise MetricInvalid("counts and amounts do not add up", path=side)


def _check_unit(metric: Metric) -> None:
    above = metric.numerator[0].value
    below = metric.denominator[0].value if metric.denominator else None
    wanted: dict[str, set[tuple[str, str | None]]] = {
        "money": {("amount", None), ("amount", "count")},
        "count": {("count", None)},
        "percent": {("count", "count"), ("amount", "amount")},
        "score": {("count", "count"), ("amount", "amount")},
    }
    if (above, below) not in wanted[metric.unit]:
        raise MetricInvalid(
            {
                "money": "money is a sum of amounts, or amounts ÷ counts",
                "count": "a count is a sum of counts",
            }.get(metric.unit, "a percentage or score is counts ÷ counts, or amounts ÷ amounts"),
            path="unit",
        )


def to_payload(metric: Metric) -> dict[str, Any]:
    """The metric as `metric.declared.v1` states it."""

    def terms(side: Sequence[Term]) -> list[dict[str, Any]]:
        return [
            {
                "measure": t.measure, "stage": t.stage, "value": t.value, "sign": t.sign,
                "pipeline": t.pipeline, "product": t.product, "channel": t.channel,
            }
            for t in side
        ]  # fmt: skip

    return {
        "code": metric.code, "name": dict(metric.name), "kind": metric.kind, "unit": metric.unit,
        "direction": metric.direction, "numerator": terms(metric.numerator),
        "denominator": None if metric.denominator is None else terms(metric.denominator),
        "yellow_below_bp": metric.lights.yellow_below_bp,
        "red_below_bp": metric.lights.red_below_bp,
    }  # fmt: skip


def from_payload(payload: Mapping[str, Any]) -> Metric:
    """What `to_payload` wrote, whatever optional fields it leaves out."""

    def terms(side: Sequence[Mapping[str, Any]]) -> tuple[Term, ...]:
        return tuple(Term(**{k: v for k, v in term.items() if k in _FIELDS}) for term in side)

    below = payload["denominator"]
    lights = Lights(
        payload.get("yellow_below_bp", YELLOW_BELOW_BP),
        payload.get("red_below_bp", RED_BELOW_BP),
    )
    return Metric(
        payload["code"], payload["name"], payload["kind"], payload["unit"], payload["direction"],
        terms(payload["numerator"]), None if below is None else terms(below), lights,
    )  # fmt: skip


def _amount(
    code: str, en: str, zh: str, measure: str, *, direction: Direction = "higher"
) -> Metric:
    return Metric(
        code, {"en": en, "zh": zh}, "result", "money", direction, (Term(measure, "amount"),)
    )


def _activity(code: str, en: str, zh: str, kind: str) -> Metric:
    term = Term("activity", "count", stage=kind)
    return Metric(code, {"en": en, "zh": zh}, "process", "count", "higher", (term,))


def _count(code: str, en: str, zh: str, kind: MetricKind, measure: str) -> Metric:
    return Metric(
        code, {"en": en, "zh": zh}, kind, "count", "higher", (Term(measure, "count"),)
    )  # fmt: skip


CATALOGUE: tuple[Metric, ...] = (
    _amount("sales", "Sales", "销售额", "won"),
    _count("deals_won", "Deals won", "成交数", "result", "won"),
    _count("leads", "New leads", "新增线索", "process", "created"),
    _amount("collected", "Collections", "回款额", "collected"),
    _amount("refunded", "Refunds", "退款额", "refunded", direction="lower"),
    _amount("contracts_signed", "Contracts signed", "签约额", "contract"),
    _activity("visits", "Visits", "拜访量", "visit"),
    _activity("calls", "Calls", "电话量", "call"),
    _activity("demos", "Demos", "演示量", "demo"),
    _activity("proposals", "Proposals", "方案量", "proposal"),
    Metric(
        "win_rate", {"en": "Win rate", "zh": "赢单率"}, "result", "percent", "higher",
        (Term("won", "count"),), (Term("won", "count"), Term("lost", "count")),
    ),
    Metric(
        "collection_rate", {"en": "Collection rate", "zh": "回款率"}, "result", "percent", "higher",
        (Term("collected", "amount"),), (Term("due", "amount"),),
    ),
)  # fmt: skip
"""What every tenant has from its first day on; each can be declared otherwise."""
