"""Scorecards of method.md 1.7: weights belong to plans, which do not set them yet."""

import strawberry

from gateway.fields import Row, listed, plain
from gateway.kpi.types.metric import InPeriod, Metric
from gateway.scalars import Percent


@strawberry.type(description="One metric's part of a scorecard.")
class ScorecardComponent:
    metric: Metric = plain("What is measured.")
    weight: Percent = plain("Its share of the score, in percent; all sum to 100.")
    attainment: Percent | None = plain("Actual in percent of the target, as far as it counts.")


@strawberry.type(description="Weighted attainment over several metrics.")
class Scorecard:
    score: Percent | None = plain("Sum of weight × attainment, in percent.")
    components: list[ScorecardComponent] = listed("What it is made of.", 10)


def scorecard_of(row: Row, period: InPeriod) -> None:
    """None: no plan sets weights, and none are invented."""
