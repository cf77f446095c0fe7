"""Applying split rules to a plan's tree: which targets, into which parts, refused where and why.

Rule (method.md 1.3): one request may split one target, or all leaves alike, by one rule. Time is
cut into the periods of a finer level, all of them, so no quarter is silent; the organisation into
the owners named, who have to be below the owner of what is split.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from services.kit import limits
from services.targets.domain import cascade, spans
from services.targets.domain import plan as plans
from services.targets.domain.cascade import (
    EXPLICIT,
    Axis,
    Buffer,
    BufferRepeated,
    Method,
    Part,
    Rule,
    SplitInvalid,
    TargetAlreadySplit,
)
from services.targets.domain.plan import Level, Owner, PeriodOutside, Plan, Split, Target
from services.targets.domain.rollup import cell_id, rolled_up


@dataclass(frozen=True, slots=True)
class Share:
    """A part as asked for: along the organisation an owner, in time a period or its place."""

    owner: Owner | None = None
    period: str | None = None
    weight: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One rule for one target, or for all leaves that the filters let through."""

    target_id: str | None
    axis: Axis
    method: Method
    shares: tuple[Share, ...] = ()
    into: Level | None = None
    buffer: Buffer | None = None
    reason: str | None = None
    of_owner_id: str | None = None
    of_level: Level | None = None


class Tree:
    """A plan's nodes while requests are applied; `new` and `changed` are what to store."""

    def __init__(self, plan: Plan, nodes: Iterable[Target], *, is_rate: bool) -> None:
        self.plan = plan
        self.is_rate = is_rate
        self.nodes: dict[str, Target] = {node.id: node for node in nodes}
        self.new: dict[str, Target] = {}
        self.changed: dict[str, Target] = {}

    def chosen(self, request: Request, may_split: Callable[[Owner], bool]) -> list[Target]:
        """The targets of a request: the one named, or the leaves that pass its filters."""
        if request.target_id is not None:
            node = self.nodes.get(request.target_id)
            if node is None:
                raise SplitInvalid("the plan's tree has no such target", path="target_id")
            if node.split is not None:
                raise TargetAlreadySplit(
                    f"{node.period} of this owner is split along {node.split.axis} already",
                    path="target_id",
                )
            return [node]
        leaves = [
            node
            for node in self.nodes.values()
            if node.split is None
            and request.of_owner_id in (None, node.owner.id)
            and request.of_level in (None, node.period.kind)
            and may_split(node.owner)
        ]
        if not leaves:
            raise SplitInvalid("the plan has no such leaves", path="of")
        return leaves

    def split(
        self, request: Request, targets: Sequence[Target], is_below: Callable[[Owner, Target], bool]
    ) -> None:
        """Give each target its parts."""
        parts: list[Target] = []
        for target in targets:
            rule, owners = self._rule(request, target)
            cascade.check(rule, is_rate=self.is_rate)
            self._refuse_second_buffer(rule, target)
            if request.axis == "organisation":
                _refuse_strangers(target, owners, is_below)
            parts += self._parts(target, rule, owners)
        plans.refuse_overlap(parts, self.nodes.values(), request.axis)
        for part in parts:
            self.nodes[part.id] = self.new[part.id] = part
        if len(self.nodes) > limits.PLAN_TARGETS:
            raise plans.PlanTooLarge(f"a plan has {limits.PLAN_TARGETS} targets at most", path="of")
        self._refuse_depth(targets)

    def totals(self) -> list[Target]:
        """What follows beside the tree."""
        ordered = sorted(self.nodes.values(), key=self._depth)
        return rolled_up(ordered, self.plan.calendar, self.plan.id, is_rate=self.is_rate)

    def _rule(self, request: Request, target: Target) -> tuple[Rule, Mapping[str, Owner]]:
        if request.axis == "organisation":
            parts, owners = _people(request)
        else:
            parts, owners = self._periods(request, target), {}
        return Rule(request.axis, request.method, parts, request.buffer, request.reason), owners

    def _periods(self, request: Request, target: Target) -> tuple[Part, ...]:
        level = request.into or spans.next_level(target.period)
        if level is None:
            raise SplitInvalid(f"{target.period} is a week: targets stop there", path="axis")
        periods = spans.within(target.period, level, self.plan.calendar)
        codes = [period.code for period in periods]
        by_code = _by_period(request.shares, codes, target)
        if request.method not in EXPLICIT and not by_code:
            days = request.method == "calendar_days"
            return tuple(Part(period.code, period.days if days else 1) for period in periods)
        return tuple(
            Part(period.code, _weight(by_code[period.code], request.method, period.days))
            for period in periods
        )

    def _parts(self, target: Target, rule: Rule, owners: Mapping[str, Owner]) -> list[Target]:
        amounts = cascade.split(target.amounts, rule)
        found = []
        for position, (part, share) in enumerate(zip(rule.parts, amounts, strict=True)):
            owner = owners.get(part.key, target.owner)
            period = target.period if owners else spans.parse(part.key, self.plan.calendar)
            found.append(
                Target(
                    cell_id(self.plan.id, owner, period.code), target.id,
                    target.owner.id if owners else target.above_id, owner, period, share,
                    position, shown(Fraction(part.weight)),
                )
            )  # fmt: skip
        kept = Split(
            rule.axis,
            rule.method,
            len(rule.parts),
            shown(rule.weight_sum),
            rule.buffer,
            rule.reason,
        )
        whole = amounts[0].target if self.is_rate else sum(share.target for share in amounts)
        parent = replace(target, split=kept, allocated=whole)
        self.nodes[target.id] = parent
        if target.id in self.new:
            self.new[target.id] = parent
        else:
            self.changed[target.id] = parent
        return found

    def _refuse_second_buffer(self, rule: Rule, target: Target) -> None:
        above = self.nodes.get(target.parent_id or "")
        while rule.buffer is not None and above is not None:
            if above.split is not None and above.split.buffer is not None:
                raise BufferRepeated(
                    f"{above.period} above has a buffer already: it does not compound",
                    path="buffer",
                )
            above = self.nodes.get(above.parent_id or "")

    def _refuse_depth(self, targets: Sequence[Target]) -> None:
        if any(self._depth(target) >= limits.PLAN_DEPTH for target in targets):
            raise plans.PlanTooDeep(f"a plan has {limits.PLAN_DEPTH} levels at most", path="of")

    def _depth(self, node: Target) -> int:
        """How many nodes are above it."""
        depth = 0
        while node.parent_id is not None:
            depth, node = depth + 1, self.nodes[node.parent_id]
        return depth


def shown(weight: Fraction) -> str:
    """A weight that came as a plain decimal, as one again.

    >>> shown(Fraction(5, 2)), shown(Fraction(3500))
    ('2.5', '3500')
    """
    whole, rest = divmod(weight.numerator, weight.denominator)
    digits = ""
    while rest:  # ends, because the denominator divides a power of ten
        digit, rest = divmod(rest * 10, weight.denominator)
        digits += str(digit)
    return f"{whole}.{digits}" if digits else str(whole)


def _people(request: Request) -> tuple[tuple[Part, ...], dict[str, Owner]]:
    if request.into is not None:
        raise SplitInvalid("`into` is for time: name owners in `parts`", path="into")
    parts, owners = [], {}
    for number, share in enumerate(request.shares):
        if share.owner is None or share.period is not None:
            raise SplitInvalid("a part along the organisation names its owner",
                               path=f"parts.{number}.owner_id")  # fmt: skip
        if share.owner.id in owners:
            raise SplitInvalid("the owner is named twice", path=f"parts.{number}.owner_id")
        owners[share.owner.id] = share.owner
        parts.append(Part(share.owner.id, _weight(share, request.method, 1, number)))
    return tuple(parts), owners


def _by_period(shares: Sequence[Share], codes: Sequence[str], target: Target) -> dict[str, Share]:
    """The asked shares by period: by their codes, or without codes in order."""
    if not shares:
        return {}
    if any(share.owner is not None for share in shares):
        raise SplitInvalid("a part in time names its period", path="parts.0.owner_id")
    if all(share.period is None for share in shares):
        if len(shares) != len(codes):
            raise SplitInvalid(
                f"{target.period} has {len(codes)} periods there, not {len(shares)}", path="parts"
            )
        return dict(zip(codes, shares, strict=True))
    found: dict[str, Share] = {}
    for number, share in enumerate(shares):
        if share.period is None or share.period not in codes:
            raise PeriodOutside(
                f"{share.period} is not one of {', '.join(codes[:12])}, which make {target.period}",
                path=f"parts.{number}.period",
            )
        if share.period in found:
            raise SplitInvalid(f"{share.period} is named twice", path=f"parts.{number}.period")
        found[share.period] = share
    if missing := [code for code in codes if code not in found]:
        raise SplitInvalid(f"{', '.join(missing[:12])} of {target.period} has no share: write 0 "
                           "where nothing is due", path="parts")  # fmt: skip
    return found


def _weight(share: Share, method: Method, days: int, number: int = 0) -> Fraction:
    if method in EXPLICIT:
        if share.weight is None:
            raise SplitInvalid(f"by {method} each part says how much", path=f"parts.{number}")
        return share.weight
    if share.weight is not None:
        raise SplitInvalid(f"{method} needs no shares", path=f"parts.{number}")
    return Fraction(days if method == "calendar_days" else 1)


def _refuse_strangers(
    target: Target, owners: Mapping[str, Owner], is_below: Callable[[Owner, Target], bool]
) -> None:
    for number, owner in enumerate(owners.values()):
        if not is_below(owner, target):
            raise plans.OwnerOutside(
                f"{owner.kind} {owner.id} is not below the owner of {target.period}",
                path=f"parts.{number}.owner_id",
            )
