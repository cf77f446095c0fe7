"""A cascade: a target is split along one axis, and the parts sum exactly to it.

Rule (method.md 1.3): each level is one split rule along one axis, the organisation or time. Parts
are shared out by largest remainder to the last whole number of the metric's unit, equal remainders
by key, so the order of siblings never matters; floor, target and stretch are split alike. A buffer
(method.md 1.2) is one declared step on the organisation axis: over-assigned, the parts sum to
target × (1 + b), or reserved, to target × (1 - b). Rates (percentages, scores, means) do not add
up: a part of a rate has the same target as the whole.

>>> q1 = Amounts(None, 2_000_000_000, None)
>>> shares = Rule("time", "shares", (Part("2026-01", 3_000), Part("2026-02", 3_500),
...                                  Part("2026-03", 3_500)))
>>> [part.target for part in split(q1, shares)]
[600000000, 700000000, 700000000]
>>> pieces = tuple(Part(f"2026-01-W{n}", days) for n, days in enumerate((4, 7, 7, 7, 6), 1))
>>> [part.target for part in split(Amounts(None, 600_000_000, None),
...                                Rule("time", "calendar_days", pieces))]
[77419355, 135483871, 135483871, 135483871, 116129032]
>>> Buffer(1_000, "over_assigned").applied(2_000_000_000)
2200000000
>>> Buffer(1_000, "reserved").applied(2_000_000_000)
1800000000
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from services.kit.errors import Conflict, Invalid
from services.kit.money import WHOLE_BP, allocate

Axis = Literal["organisation", "time"]
Method = Literal["shares", "weights", "equal", "calendar_days", "same"]
BufferKind = Literal["over_assigned", "reserved"]
EXPLICIT: tuple[Method, ...] = ("shares", "weights")
PARTS_MOST = 1_000


class SplitInvalid(Invalid):
    """A split rule that cannot be applied to its target."""

    code = "split_invalid"


class SharesIncomplete(SplitInvalid):
    """Explicit shares that do not name the whole."""

    code = "shares_incomplete"


class BufferRepeated(SplitInvalid):
    """A second buffer between the plan's target and a leaf: buffers do not compound."""

    code = "buffer_repeated"


class TargetInvalid(Invalid):
    """Floor, target and stretch out of order, or negative."""

    code = "target_invalid"


class TargetAlreadySplit(Conflict):
    """The target has parts already."""

    code = "target_already_split"


class Amounts(NamedTuple):
    """A target and, where set, what it may not fall below and what would be a stretch.

    Whole numbers of the metric's unit: minor units, ones, or hundredths of a percent or point.
    """

    floor: int | None
    target: int
    stretch: int | None


@dataclass(frozen=True, slots=True)
class Buffer:
    """Basis points of the target that the parts carry beyond it, or that are kept back."""

    bp: int
    kind: BufferKind

    def __post_init__(self) -> None:
        if not 0 < self.bp < WHOLE_BP:
            raise SplitInvalid("a buffer is more than 0 % and less than 100 %", path="buffer")

    def applied(self, total: int) -> int:
        """What is shared out, to the nearest whole number, halves to even."""
        factor = WHOLE_BP + (self.bp if self.kind == "over_assigned" else -self.bp)
        return round(Fraction(total * factor, WHOLE_BP))


class Part(NamedTuple):
    """`key` is the part's owner id or period; `weight` its share, weight or days."""

    key: str
    weight: int | Fraction


@dataclass(frozen=True, slots=True)
class Rule:
    """How one target becomes several."""

    axis: Axis
    method: Method
    parts: tuple[Part, ...]
    buffer: Buffer | None = None
    reason: str | None = None

    @property
    def weight_sum(self) -> Fraction:
        return Fraction(sum(part.weight for part in self.parts))


def check(rule: Rule, *, is_rate: bool) -> None:
    """Refuse a rule that cannot be met, naming what is wrong."""
    if not rule.parts:
        raise SplitInvalid("a split needs at least one part", path="parts")
    if len(rule.parts) > PARTS_MOST:
        raise SplitInvalid(f"a split has {PARTS_MOST} parts at most", path="parts")
    if is_rate != (rule.method == "same"):
        raise SplitInvalid(
            "a rate does not add up over its parts: give each the same target"
            if is_rate
            else "only a rate is the same for each part: this metric is shared out",
            path="method",
        )
    if rule.method == "calendar_days" and rule.axis != "time":
        raise SplitInvalid("calendar days share out time, not people", path="method")
    if rule.buffer is not None and (rule.axis != "organisation" or is_rate):
        raise SplitInvalid(
            "a buffer is a step on the organisation axis of amounts and counts", path="buffer"
        )
    if any(part.weight < 0 for part in rule.parts):
        raise SplitInvalid("a share is not negative", path="parts")
    if rule.method == "shares" and rule.weight_sum != WHOLE_BP:
        raise SharesIncomplete(
            f"the shares sum to {rule.weight_sum} basis points, not to {WHOLE_BP}: name the rest",
            path="parts",
        )
    if not rule.weight_sum:
        raise SplitInvalid("the weights are all zero", path="parts")


def split(amounts: Amounts, rule: Rule) -> list[Amounts]:
    """The parts in the order of the rule's; their sums are exact, less or plus the buffer."""
    if rule.method == "same":
        return [amounts] * len(rule.parts)
    weights = [part.weight for part in rule.parts]
    return shared(amounts, weights, [part.key for part in rule.parts], rule.buffer)


def shared(
    amounts: Amounts,
    weights: Sequence[int | Fraction],
    keys: Sequence[str],
    buffer: Buffer | None = None,
) -> list[Amounts]:
    """Floor, target and stretch by the same weights, and in this order for every part.

    Largest remainders of two close totals may cross by one unit in a part; there the floor gives
    way to the target, and the stretch makes room for it, between two parts.
    """

    def out(total: int | None) -> list[int] | None:
        if total is None:
            return None
        return allocate(buffer.applied(total) if buffer else total, weights, keys)

    floors, targets, stretches = (out(total) for total in amounts)
    assert targets is not None, "a target is always there"
    return _in_order(floors, targets, stretches, keys)


def shared_like(amounts: Amounts, pattern: Sequence[Amounts], keys: Sequence[str]) -> list[Amounts]:
    """The amounts in the proportions of `pattern`, each of the three by its own.

    >>> shared_like(Amounts(None, 100, None), [Amounts(None, 11, None), Amounts(None, 33, None)],
    ...             ["a", "b"])
    [Amounts(floor=None, target=25, stretch=None), Amounts(floor=None, target=75, stretch=None)]
    """

    def out(total: int | None, weights: list[int | None]) -> list[int] | None:
        known = [weight for weight in weights if weight is not None]
        if total is None or len(known) < len(weights):
            return None
        return allocate(total, known if any(known) else [1] * len(known), keys)

    floors, targets, stretches = (
        out(total, [each[n] for each in pattern]) for n, total in enumerate(amounts)
    )
    assert targets is not None, "a target is always there"
    return _in_order(floors, targets, stretches, keys)


def _in_order(
    floors: list[int] | None,
    targets: list[int],
    stretches: list[int] | None,
    keys: Sequence[str],
) -> list[Amounts]:
    if floors is not None:
        _uncross(floors, targets, floors, keys)
    if stretches is not None:
        _uncross(targets, stretches, stretches, keys)
    return [
        Amounts(floors[n] if floors else None, target, stretches[n] if stretches else None)
        for n, target in enumerate(targets)
    ]


def _uncross(
    lower: Sequence[int], upper: Sequence[int], mutable: list[int], keys: Sequence[str]
) -> None:
    """Move single units of `mutable`, one of the two, so that no part of `lower` is above."""
    step = -1 if mutable is lower else 1
    order = sorted(range(len(keys)), key=lambda n: keys[n])
    for crossed in order:
        while lower[crossed] > upper[crossed]:
            roomy = max(order, key=lambda n: upper[n] - lower[n])
            mutable[crossed] += step
            mutable[roomy] -= step


def check_amounts(amounts: Amounts) -> Amounts:
    """The amounts, if floor ≤ target ≤ stretch and nothing is negative."""
    floor, target, stretch = amounts
    if target < 0 or (floor or 0) < 0:
        raise TargetInvalid("a target is not negative", path="target")
    if floor is not None and floor > target:
        raise TargetInvalid("the floor is above the target", path="floor")
    if stretch is not None and stretch < target:
        raise TargetInvalid("the stretch is below the target", path="stretch")
    return amounts
