"""The contract's five operations as each role of the demo: which fields are null, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import headwater

OPERATIONS = {
    path.stem: path.read_text()
    for path in (Path(headwater.__file__).parents[1] / "gateway/operations").glob("*.graphql")
}
# No scorecard has weights; won and lost lead nowhere; visits are no money and have no floor or
# stretch; months to come have no light yet; there is no next page.
ALWAYS = {
    "rep_board": {
        "rep.scorecard", "rep.funnel.stages.conversion", "rep.funnel.stages.medianDays",
        "rep.targets.currency", "rep.targets.floor", "rep.targets.stretch",
        "rep.targets.children.light", "rep.alerts.pageInfo.endCursor",
    },
    "team_board": {"unit.funnel.stages.conversion", "unit.reps.pageInfo.endCursor"},
    "cascade": set(),
}  # fmt: skip
# The board is of one rep, the unit is the region above the rep's team.
BY_ROLE: dict[str, dict[str, set[str]]] = {
    "rep": {"team_board": {"unit"}},
    "manager": {"rep_board": {"rep.earnings.lines"}},
    "sales_ops": {"rep_board": {"rep.earnings"}},
    "finance": {},
    "admin": {"rep_board": {"rep.earnings"}},
    "customer_success": {
        "rep_board": {
            "rep.targets", "rep.funnel", "rep.customerMix", "rep.earnings", "rep.alerts", "rep.tasks",
        },
        "team_board": {
            "unit.target", "unit.children.target", "unit.reps.nodes.target", "unit.funnel",
        },
        "cascade": {"plan"},
    },
}  # fmt: skip
ACTIVATES = {"sales_ops", "admin"}


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """The paths of what is null, whichever item of a list it is in."""
    if value is None:
        yield path.removeprefix(".")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from nulls(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from nulls(inner, path)


def expected_nulls(role: str, operation: str) -> set[str]:
    withheld = BY_ROLE[role].get(operation, set())
    always = {
        path
        for path in ALWAYS[operation]
        if not any(path.startswith(f"{above}.") for above in withheld)
    }
    return always | withheld
