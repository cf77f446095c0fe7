"""The quick light of a watch is the light of method.md 1.7, and alerts end where lights do."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain.alerts import Stamp, Watch, follow
from services.kpi.domain.attainment import Yardstick
from services.kpi.domain.metrics import CATALOGUE

FIRST = date(2026, 3, 1)
_weeks = st.lists(st.integers(0, 5_000), min_size=4, max_size=4)


def watch(metric, weeks, target, above, below) -> Watch:
    parts = [
        (FIRST + timedelta(7 * n), FIRST + timedelta(7 * n + 6), week)
        for n, week in enumerate(weeks)
    ]
    return Watch(
        "cell", "ann", metric, "2026-03", FIRST, FIRST + timedelta(27),
        sum(weeks) if target is None else target, "CNY", parts, above, below,
    )  # fmt: skip


_watches = st.builds(
    watch, st.sampled_from(CATALOGUE), _weeks, st.none() | st.integers(0, 20_000),
    st.integers(-500, 20_000), st.integers(0, 40),
)  # fmt: skip
_days = st.integers(-3, 31).map(lambda n: FIRST + timedelta(n))


@given(_watches, _days)
def test_the_quick_light_is_the_exact_one(watched, day):
    actual = watched.metric.value(watched.above, watched.below)
    exact = Yardstick.of(watched.metric).light(actual, watched.split(day))
    assert watched.light(day) == exact


@given(_watches, st.integers(1, 27))
def test_what_is_due_never_falls_and_ends_at_the_target(watched, days):
    before, after = (watched.split(FIRST + timedelta(n)).due for n in (days - 1, days))
    assert Fraction(0) <= before <= after <= watched.target
    assert watched.split(FIRST + timedelta(27)).due == watched.target


@given(_watches, st.lists(st.tuples(_days, st.integers(-2_000, 4_000)), max_size=12))
def test_an_alert_stands_exactly_while_the_light_is_not_green(watched, moves):
    alert, opened = None, 0
    for number, (day, delta) in enumerate(sorted(moves)):
        watched.above += delta
        before = alert
        alert = follow(alert, watched, Stamp(number, datetime(2026, 3, 1, tzinfo=UTC), day), str)
        light = watched.light(day)
        stands = alert is not None and alert.status == "open"
        assert stands == (light in {"yellow", "red"})
        assert not stands or alert.light == light
        opened += stands and (before is None or before.status == "resolved")
        assert alert is None or (alert.id, alert.target_id) == ("cell", "cell")
    assert opened <= len(moves)
