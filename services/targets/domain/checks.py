"""What a plan's people should look at before they approve it: findings, not refusals.

Rule (method.md 1.2, 1.3 and 1.5): a buffer is visible and usually 10 to 15 %; a unit that nobody's
target is derived from yet is incomplete; the consensus rate is compared with the plan's threshold.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from services.targets.domain.plan import Plan, Target, consensus, needs_override

Severity = Literal["info", "warning"]
USUAL_BUFFER_BP = (1_000, 1_500)
_STILL_OPEN = ("draft", "proposed", "approved")


class Finding(NamedTuple):
    code: str
    severity: Severity
    message: Mapping[str, str]
    target_ids: tuple[str, ...] = ()


def findings(
    plan: Plan, noted: Sequence[Target], *, acknowledged: int, owners: int
) -> list[Finding]:
    """`noted`: the nodes with a buffer, and the units' leaves."""
    found = []
    if plan.state in _STILL_OPEN and needs_override(
        acknowledged=acknowledged, owners=owners, threshold_bp=plan.consensus_threshold_bp
    ):
        rate = consensus(acknowledged=acknowledged, owners=owners) // 100
        line = plan.consensus_threshold_bp // 100
        found.append(
            Finding(
                "CONSENSUS_LOW", "warning",
                {"en": f"{acknowledged} of {owners} owners acknowledged ({rate} %); below {line} % "
                       "approval needs a reason",
                 "zh": f"{owners} 个责任人中已有 {acknowledged} 个确认（{rate}%）；"
                       f"低于 {line}% 时批准须说明理由"},
                (plan.root_id,),
            )
        )  # fmt: skip
    if leaves := [node for node in noted if node.split is None]:
        found.append(
            Finding(
                "SPLIT_INCOMPLETE", "warning",
                {"en": f"{len(leaves)} targets of units are not split to people",
                 "zh": f"{len(leaves)} 个团队目标尚未拆解到个人"},
                tuple(node.id for node in leaves),
            )
        )  # fmt: skip
    found += [
        _of_buffer(node, node.split.buffer.bp, node.split.buffer.kind)
        for node in noted
        if node.split is not None and node.split.buffer is not None
    ]
    return found


def _of_buffer(node: Target, bp: int, kind: str) -> Finding:
    least, most = USUAL_BUFFER_BP
    usual = least <= bp <= most
    percent = f"{bp // 100}" if bp % 100 == 0 else f"{bp // 100}.{bp % 100:02}".rstrip("0")
    en = f"{node.period} has a buffer of {percent} %, " + (
        "over-assigned" if kind == "over_assigned" else "kept back"
    )
    zh = f"{node.period} 设有 {percent}% 缓冲（" + (
        "上浮下达）" if kind == "over_assigned" else "预留）"
    )
    if not usual:
        en += f"; usual are {least // 100} to {most // 100} %"
        zh += f"；通常为 {least // 100}% 至 {most // 100}%"
    return Finding("BUFFER", "info" if usual else "warning", {"en": en, "zh": zh}, (node.id,))
