"""Why a target is what it is: the rule, its inputs, and a sentence in English and Chinese.

Rule (method.md 1.5): each owner sees the split rule, the weights and the inputs.

>>> whole = Whole(Owner("unit", "1"), "Company", "2026-Q1", 2_000_000_000, 2_000_000_000,
...               Split("time", "shares", 3, "10000"))
>>> told = explained(600_000_000, "3000", whole, None, Measure("money", "CNY"))
>>> told.text["en"]
"6,000,000.00 CNY is 30 % of 2026-Q1's 20,000,000.00 CNY, by explicit shares"
>>> told.text["zh"]
'6,000,000.00 CNY 是 2026-Q1 目标 20,000,000.00 CNY 的 30%，按明确份额拆分'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from services.kit.quantity import Unit, shown
from services.targets.domain.plan import Owner, Split


class Measure(NamedTuple):
    """What a number is of."""

    unit: Unit
    currency: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """What a target is a part of."""

    owner: Owner
    owner_name: str
    period: str
    target: int
    allocated: int
    split: Split


class Explanation(NamedTuple):
    """`inputs` are names and values in the order of the arithmetic."""

    rule: str
    inputs: tuple[tuple[str, str], ...]
    text: Mapping[str, str]


def explained(
    target: int, weight: str | None, whole: Whole | None, total: str | None, measure: Measure
) -> Explanation:
    """`weight` and `whole` of a node of the tree; `total` of a cell that follows from others."""
    mine = _grouped(target, measure)
    if total == "periods":
        return Explanation(
            "total_of_periods", (),
            {"en": f"{mine} is the sum of the owner's targets in this period",
             "zh": f"{mine} 是本期内各分期目标之和"},
        )  # fmt: skip
    if total == "parts":
        return Explanation(
            "total_of_parts", (),
            {"en": f"{mine} is this period's part of the longer target, as those below share it out",
             "zh": f"{mine} 是上级周期目标在本期的部分，比例与下级的分期一致"},
        )  # fmt: skip
    if whole is None or weight is None:
        return Explanation(
            "plan", (("target", shown(target, *measure)),),
            {"en": f"{mine} is the plan's own target", "zh": f"{mine} 是计划设定的总目标"},
        )  # fmt: skip
    return _of_whole(target, weight, whole, measure)


def _of_whole(target: int, weight: str, whole: Whole, measure: Measure) -> Explanation:
    split, mine = whole.split, _grouped(target, measure)
    base = whole.target if split.buffer is None else whole.allocated
    all_of_it = _grouped(base, measure)
    en_of = f"{whole.period}'s" if split.axis == "time" else f"{whole.owner_name}'s"
    zh_of = whole.period if split.axis == "time" else f"{whole.owner_name} {whole.period}"
    en_part, zh_part, en_by, zh_by = _words(split, weight)
    if split.method == "same":
        text = {"en": f"{mine} is {en_of} {all_of_it}: {en_by}",
                "zh": f"{mine} 与 {zh_of} 目标 {all_of_it} 相同：{zh_by}"}  # fmt: skip
    else:
        text = {"en": f"{mine} is {en_part} of {en_of} {all_of_it}, {en_by}",
                "zh": f"{mine} 是 {zh_of} 目标 {all_of_it} 的 {zh_part}，{zh_by}"}  # fmt: skip
    inputs = [
        ("axis", split.axis), ("method", split.method), ("parent_owner", whole.owner_name),
        ("parent_period", whole.period), ("parent_target", shown(whole.target, *measure)),
        ("weight", weight), ("weight_sum", split.weight_sum),
    ]  # fmt: skip
    if split.buffer is not None:
        percent, kind = _percent(split.buffer.bp), split.buffer.kind
        inputs += [
            ("buffer_percent", percent), ("buffer_kind", kind),
            ("allocated", shown(whole.allocated, *measure)),
        ]  # fmt: skip
        target_of = _grouped(whole.target, measure)
        text["en"] += f"; that is {target_of} with a buffer of {percent} %, " + (
            "over-assigned" if kind == "over_assigned" else "kept back"
        )
        text["zh"] += f"；即目标 {target_of} " + (
            f"上浮 {percent}% 缓冲" if kind == "over_assigned" else f"预留 {percent}% 缓冲"
        )
    if split.reason:
        inputs.append(("reason", split.reason))
    return Explanation(f"{split.axis}_{split.method}", tuple(inputs), text)


def _words(split: Split, weight: str) -> tuple[str, str, str, str]:
    """The part and the way, in English and Chinese."""
    match split.method:
        case "shares":
            percent = _percent(Fraction(weight))
            return f"{percent} %", f"{percent}%", "by explicit shares", "按明确份额拆分"
        case "weights":
            part = f"{weight}/{split.weight_sum}"
            return part, part, "by weights", "按权重拆分"
        case "equal":
            return f"1/{split.parts}", f"1/{split.parts}", "in equal parts", "平均拆分"
        case "calendar_days":
            part = f"{weight}/{split.weight_sum}"
            return part, part, "by calendar days", "按日历天数拆分"
        case "same":
            return "", "", "a rate is the same for each part", "比率类目标不拆分"


def _percent(bp: int | Fraction) -> str:
    """Basis points as a percentage without needless zeros: 3,350 → 33.5."""
    whole = f"{int(bp) // 100}.{int(bp) % 100:02}"
    return whole.rstrip("0").rstrip(".")


def _grouped(value: int, measure: Measure) -> str:
    """With thousands apart and the unit behind: 6,000,000.00 CNY."""
    whole, point, rest = shown(value, *measure).partition(".")
    text = f"{int(whole):,}{point}{rest}"
    match measure.unit:
        case "money":
            return f"{text} {measure.currency}"
        case "percent":
            return f"{text} %"
        case _:
            return text
