"""What the properties of pay do not show: in which order credit fills the bands, and the run rate."""

from datetime import date

from services.incentives.domain.commission import Band, Commission
from services.incentives.domain.credits import Credit
from services.incentives.domain.plan import ActivePlan, Terms, plan_of
from services.incentives.domain.run_rate import projected
from services.incentives.domain.statement import statements
from services.kit.period import Calendar

BANDS = (Band(100_00, 1_000), Band(None, 2_000))
TERMS = Terms(
    "Sales", "quarter", "CNY", (Commission("commission", "marginal", BANDS, "CNY"),),
    frozenset(), frozenset(),
)  # fmt: skip
PLAN = ActivePlan("p", 1, TERMS, date(2026, 1, 1), None)


def credit(deal, event, day, minor, won_on=None):
    return Credit(deal, event, "won", "ann", "CNY", won_on or day, day, minor)


def made(*credited):
    return statements("ann", credited, lambda _day: PLAN, (), Calendar())


def test_bands_fill_by_credit_date_then_deal():
    day = date(2026, 2, 2)
    (one,) = made(
        credit("deal:b", "1", day, 100_00), credit("deal:a", "2", day, 100_00),
        credit("deal:c", "0", date(2026, 2, 3), 50_00),
    )  # fmt: skip
    assert [(line.band, line.event_ids) for line in one.lines] == [(1, ("2",)), (2, ("1", "0"))]


def test_the_run_rate_lets_the_period_s_own_credit_grow_and_nothing_else():
    """A refund of the quarter before is taken back once, however long the quarter goes on."""
    before, day = date(2026, 2, 2), date(2026, 4, 1)
    _, second = made(
        credit("deal:a", "1", before, 100_00), credit("deal:a", "2", day, -50_00, won_on=before),
        credit("deal:b", "3", day, 10_00),
    )  # fmt: skip
    assert second.total_minor == 1_00 - 5_00
    # 65 business days of April to June, of which the first is over: 650.00 is sold in all.
    assert projected(second, day) == 10_00 + (650_00 - 100_00) * 20 // 100 - 5_00


def test_of_plans_that_came_to_overlap_the_one_activated_first_holds():
    first, second = (
        ActivePlan(name, 1, TERMS, date(2026, 1, 1), None, rank)
        for name, rank in (("first", 1), ("second", 2))
    )
    for active in ([first, second], [second, first]):
        found = plan_of(active, "ann", date(2026, 2, 2), lambda _member, _day: (), Calendar())
        assert found is first
