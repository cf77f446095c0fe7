"""Lines of a statement: an amount with its rule, inputs, words and events (method.md 3, 3.10).

Whoever reads a line can work it out again: `recalculated` gives the amount from rule and inputs
alone. Inputs are plain decimal strings in major units, rates in percent.

| rule | inputs | amount |
| --- | --- | --- |
| commission.marginal | credited, from, up_to, slice, rate, rounding | slice × rate |
| commission.retroactive | credited, slice, rate, rounding | slice × rate |
| commission.later_change | earned_in, slice_before, slice_after, rate, rounding | the difference |
| adjustment | closed_period, earned_in, dated_on, calculated, stated | calculated − stated |

>>> from services.incentives.domain.commission import Band
>>> commission = Commission("commission", "marginal", (Band(None, 100),), "CNY")
>>> line = earned(commission, "2026-Q1", 1_234_567, commission.slices(1_234_567)[0], ["e1"])
>>> line.text["en"]
'2026-Q1: 12,345.67 CNY credited in the band from 0.00 on; × 1% = 123.46 CNY'
>>> line.text["zh"]
'2026-Q1：落在 0.00 以上一档的业绩 12,345.67 CNY × 1% = 123.46 CNY'
>>> recalculated(line.rule, line.inputs, "CNY") == line.amount_minor == 12_346
True
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple, Self

from services.incentives.domain.commission import Commission, Slice, at_rate
from services.kit.money import Money, Rounding

MOST_EVENTS = 100
MARGINAL = "commission.marginal"
RETROACTIVE = "commission.retroactive"
LATER_CHANGE = "commission.later_change"
ADJUSTMENT = "adjustment"


class Key(NamedTuple):
    """What lines add up by: the period of the wins, the component, and its band."""

    earned_in: str
    component: str
    band: int


@dataclass(frozen=True, slots=True)
class Line:
    """`corrects` is the closed period that an adjustment belongs to, None on other lines."""

    component: str
    band: int
    rate_bp: int
    earned_in: str
    corrects: str | None
    amount_minor: int
    rule: str
    inputs: Mapping[str, str]
    text: Mapping[str, str]
    event_ids: tuple[str, ...]

    @property
    def key(self) -> Key:
        return Key(self.earned_in, self.component, self.band)

    def packed(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def unpacked(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "event_ids": tuple(stored["event_ids"])})


def recalculated(rule: str, inputs: Mapping[str, str], currency: str) -> int:
    """The amount, in minor units, that a line's inputs come to by its rule."""

    def minor(name: str) -> int:
        return Money.parse(inputs[name], currency).amount_minor

    if rule == ADJUSTMENT:
        return minor("calculated") - minor("stated")
    rate_bp = Money.parse(inputs["rate"], "CNY").amount_minor  # percent has two decimals as well
    rounding = Rounding(inputs["rounding"])

    def paid(name: str) -> int:
        return at_rate(minor(name), rate_bp, currency, rounding)

    if rule == LATER_CHANGE:
        return paid("slice_after") - paid("slice_before")
    assert rule in {MARGINAL, RETROACTIVE}, rule
    return paid("slice")


def earned(
    commission: Commission, period: str, credited_minor: int, slice_: Slice,
    event_ids: Sequence[str],
) -> Line:  # fmt: skip
    """What a period's own credit pays in one band."""
    show = _Shown(commission.currency)
    part = int(slice_.part_minor)
    lower, upper = _bounds(commission, slice_.band)
    inputs = {"credited": show.plain(credited_minor)}
    if commission.mode == "marginal":
        inputs["from"] = show.plain(lower)
        if upper is not None:
            inputs["up_to"] = show.plain(upper)
    inputs |= {
        "slice": show.plain(part), "rate": _percent(slice_.rate_bp),
        "rounding": commission.rounding.value,
    }  # fmt: skip
    sum_ = f"× {_short(slice_.rate_bp)}% = {show.money(slice_.amount_minor)}"
    if commission.mode == "marginal":
        text = {
            "en": f"{period}: {show.money(part)} credited in {show.band_en(lower, upper)}; {sum_}",
            "zh": f"{period}：落在 {show.band_zh(lower, upper)}一档的业绩 {show.money(part)} {sum_}",
        }
    else:
        text = {
            "en": f"{period}: {show.money(part)} credited reaches {show.band_en(lower, upper)}, "
            f"whose rate holds for all of it; {sum_}",
            "zh": f"{period}：业绩 {show.money(part)} 达到 {show.band_zh(lower, upper)}一档，全额适用该档比例 {sum_}",
        }
    return Line(
        commission.code, slice_.band, slice_.rate_bp, period, None, slice_.amount_minor,
        MARGINAL if commission.mode == "marginal" else RETROACTIVE, inputs, text,
        tuple(event_ids[:MOST_EVENTS]),
    )  # fmt: skip


def later_change(
    commission: Commission, earned_in: str, band: int, before: Slice | None, after: Slice | None,
    event_ids: Sequence[str],
) -> Line:  # fmt: skip
    """What a refund, cancellation or new amount changes, in a later period, of an earlier one's
    pay: worked out at the rates at which that was paid.
    """
    show = _Shown(commission.currency)
    rate_bp = commission.bands[band - 1].rate_bp
    part_before = int(before.part_minor) if before else 0
    part_after = int(after.part_minor) if after else 0
    amount = (after.amount_minor if after else 0) - (before.amount_minor if before else 0)
    where = _bounds(commission, band)
    text = {
        "en": f"credit won in {earned_in} changed: in {show.band_en(*where)} it was "
        f"{show.money(part_before)} and is {show.money(part_after)}; "
        f"× {_short(rate_bp)}%, the difference = {show.money(amount)}",
        "zh": f"{earned_in} 赢单业绩变动：{show.band_zh(*where)}一档由 {show.money(part_before)} 变为 "
        f"{show.money(part_after)}，按 {_short(rate_bp)}% 计差额 = {show.money(amount)}",
    }
    inputs = {
        "earned_in": earned_in, "slice_before": show.plain(part_before),
        "slice_after": show.plain(part_after), "rate": _percent(rate_bp),
        "rounding": commission.rounding.value,
    }  # fmt: skip
    return Line(
        commission.code, band, rate_bp, earned_in, None, amount, LATER_CHANGE, inputs, text,
        tuple(event_ids[:MOST_EVENTS]),
    )  # fmt: skip


def adjustment(
    key: Key, rate_bp: int, closed_period: str, dated_on: date, calculated_minor: int,
    stated_minor: int, currency: str, event_ids: Sequence[str],
) -> Line:  # fmt: skip
    """What later events change of a closed statement: its line as it would be now, less what was
    stated of it so far.
    """
    show = _Shown(currency)
    amount = calculated_minor - stated_minor
    text = {
        "en": f"the closed statement of {closed_period}, band {key.band} at {_short(rate_bp)}%: "
        f"by events up to {dated_on} it comes to {show.money(calculated_minor)}, stated were "
        f"{show.money(stated_minor)}; the difference = {show.money(amount)}",
        "zh": f"已关账的 {closed_period} 结算单第 {key.band} 档（{_short(rate_bp)}%）：按截至 {dated_on} 的事件重算为 "
        f"{show.money(calculated_minor)}，已列 {show.money(stated_minor)}，调整 = {show.money(amount)}",
    }
    inputs = {
        "closed_period": closed_period, "earned_in": key.earned_in,
        "dated_on": dated_on.isoformat(), "calculated": show.plain(calculated_minor),
        "stated": show.plain(stated_minor),
    }  # fmt: skip
    return Line(
        key.component, key.band, rate_bp, key.earned_in, closed_period, amount, ADJUSTMENT, inputs,
        text, tuple(event_ids[:MOST_EVENTS]),
    )  # fmt: skip


def _bounds(commission: Commission, band: int) -> tuple[int, int | None]:
    return commission.lower_minor(band), commission.bands[band - 1].up_to_minor


def _percent(rate_bp: int) -> str:
    return f"{rate_bp // 100}.{rate_bp % 100:02}"


def _short(rate_bp: int) -> str:
    return _percent(rate_bp).rstrip("0").rstrip(".")


class _Shown(NamedTuple):
    """Amounts in one currency as people and programs read them."""

    currency: str

    def plain(self, minor: int) -> str:
        return str(Money(minor, self.currency))

    def grouped(self, minor: int) -> str:
        whole, dot, decimals = self.plain(abs(minor)).partition(".")
        return f"{'-' if minor < 0 else ''}{int(whole):,}{dot}{decimals}"

    def money(self, minor: int) -> str:
        return f"{self.grouped(minor)} {self.currency}"

    def band_en(self, lower: int, upper: int | None) -> str:
        until = "on" if upper is None else f"to {self.grouped(upper)}"
        return f"the band from {self.grouped(lower)} {until}"

    def band_zh(self, lower: int, upper: int | None) -> str:
        if upper is None:
            return f"{self.grouped(lower)} 以上"
        return f"{self.grouped(lower)}–{self.grouped(upper)} "
