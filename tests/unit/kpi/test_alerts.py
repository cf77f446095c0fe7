"""An alert's life: opened by a light, followed, acknowledged, resolved; and what it says."""

import doctest
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from services.kpi.domain import alert_text, alerts
from services.kpi.domain.alerts import Alert, Stamp, Watch, acknowledge, follow, resolve
from services.kpi.domain.funnel import Key, Posting
from services.kpi.domain.metrics import CATALOGUE, Term

METRICS = {metric.code: metric for metric in CATALOGUE}
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


def stamp(day: int, offset: int = 0, month: int = 3) -> Stamp:
    return Stamp(offset or day, datetime(2026, month, day, 1, tzinfo=UTC), date(2026, month, day))


def watch(metric="sales", target=31_000, above=0, below=0, parts=None, **more) -> Watch:
    return Watch(
        "cell", "ann", METRICS[metric], "2026-03", FIRST, LAST, target,
        "CNY" if METRICS[metric].unit == "money" else None,
        parts or ((FIRST, LAST, target),), above, below, **more,
    )  # fmt: skip


def judge(alert: Alert | None, watched: Watch, day: int, month: int = 3) -> Alert | None:
    return follow(alert, watched, stamp(day, month=month), "alert/{}".format)


def opened(day: int = 10, above: int = 7_000) -> Alert:
    found = judge(None, watch(above=above), day)
    assert found is not None
    return found


def test_the_worked_examples_hold():
    assert doctest.testmod(alerts).failed == doctest.testmod(alert_text).failed == 0


def test_it_opens_with_the_figures_of_that_day():
    found = opened()
    assert (found.id, found.target_id, found.light, found.status) == (
        "alert/cell", "cell", "yellow", "open",
    )  # fmt: skip
    assert (found.actual, found.standard, found.attained) == (7_000, 10_000, 700)
    assert (found.opened_at, found.opened_on, found.measured_on, found.log_offset) == (
        stamp(10).at, date(2026, 3, 10), date(2026, 3, 10), 10,
    )  # fmt: skip


@pytest.mark.parametrize(("above", "light"), [(8_000, None), (7_999, "yellow"), (5_999, "red")])
def test_only_yellow_and_red_open(above, light):
    found = judge(None, watch(above=above), 10)
    assert (found and found.light) == light


def test_no_alert_before_a_tenth_of_the_pace_is_due():
    assert judge(None, watch(), 3) is None
    assert judge(None, watch(), 4).light == "red"


def test_the_light_follows_and_the_figures_with_it():
    yellow = opened()
    assert judge(yellow, watch(above=7_001), 10) is yellow
    red = judge(yellow, watch(above=7_001), 20)
    assert (red.light, red.standard, red.opened_on, red.measured_on) == (
        "red", 20_000, date(2026, 3, 10), date(2026, 3, 20),
    )  # fmt: skip


def test_green_resolves_and_the_next_yellow_opens_the_same_alert():
    green = judge(opened(), watch(above=9_000), 11)
    assert (green.status, green.resolution, green.light, green.resolved_at) == (
        "resolved", "green", "green", stamp(11).at,
    )  # fmt: skip
    assert judge(green, watch(above=9_000), 11) is green
    again = judge(green, watch(above=9_000), 12)
    assert (again.id, again.status, again.opened_on, again.resolution, again.resolved_at) == (
        "alert/cell", "open", date(2026, 3, 12), None, None,
    )  # fmt: skip


def test_an_acknowledgement_holds_until_it_gets_worse():
    seen = acknowledge(opened(), "yellow", "boss", stamp(11))
    assert (seen.status, seen.acknowledged_by, seen.log_offset) == ("acknowledged", "boss", 11)
    green = judge(seen, watch(above=9_000), 11)
    again = judge(green, watch(above=9_000), 12)
    assert (again.status, again.acknowledged_by) == ("acknowledged", "boss")
    red = judge(again, watch(above=9_000), 20)
    assert (red.light, red.status, red.acknowledged_by, red.acknowledged_at) == (
        "red", "open", None, None,
    )  # fmt: skip
    better = judge(acknowledge(red, "red", "boss", stamp(20)), watch(above=14_000), 20)
    assert (better.light, better.status) == ("yellow", "acknowledged")


def test_what_was_seen_as_yellow_is_not_seen_as_red():
    red = opened(above=5_000)
    assert acknowledge(red, "yellow", "boss", stamp(11)) is red
    seen = acknowledge(red, "red", "boss", stamp(11))
    assert acknowledge(seen, "red", "ann", stamp(12)) is seen
    closed = resolve(red, "over", stamp(11))
    assert acknowledge(closed, "red", "boss", stamp(12)) is closed


def test_without_a_light_an_open_alert_is_withdrawn():
    found = judge(opened(), watch(target=0), 11)
    assert (found.status, found.resolution, found.light) == ("resolved", "withdrawn", "yellow")


def test_the_plans_own_split_says_what_is_due():
    late = ((FIRST, date(2026, 3, 10), 1_000), (date(2026, 3, 11), LAST, 30_000))
    assert judge(None, watch(above=1_000, parts=late), 10) is None
    # 1,000 that are over, and 10 of the 21 days of 30,000
    assert judge(None, watch(above=1_000, parts=late), 20).standard == 15_286
    short = ((FIRST, date(2026, 3, 10), 1_000),)
    assert judge(None, watch(above=1_000, parts=short), 10).standard == 10_000, "it does not add up"


def test_a_rate_and_a_ceiling_compare_with_the_target():
    rate = judge(None, watch("win_rate", 4_000, above=1, below=5), 10)
    assert (rate.comparison, rate.actual, rate.standard, rate.attained, rate.light) == (
        "target", 2_000, 4_000, 500, "red",
    )  # fmt: skip
    assert judge(None, watch("win_rate", 4_000), 10) is None
    ceiling = judge(None, watch("refunded", 500_00, above=700_00), 10)
    assert (ceiling.comparison, ceiling.attained, ceiling.light) == ("ceiling", 600, "yellow")


def posting(measure="won", day=10, stage="won", deals=1, minor=100, **more) -> Posting:
    key = Key("ann", measure, more.pop("pipeline", "sales"), stage, more.pop("product", ""),
              more.pop("channel", ""), "CNY", date(2026, 3, 1).replace(**more.pop("on", {}), day=day),
              date(2026, 3, day))  # fmt: skip
    return Posting(key, "e", deals, minor)


@pytest.mark.parametrize(
    ("term", "other", "counts"),
    [
        (Term("won", "amount"), {}, True),
        (Term("won", "amount"), {"on": {"month": 4}}, False),
        (Term("won", "amount", stage="won"), {"stage": "signed"}, False),
        (Term("won", "amount", pipeline="sales"), {"pipeline": "renewals"}, False),
        (Term("won", "amount", product="disk"), {"product": "tape"}, False),
        (Term("won", "amount", channel="web"), {"channel": "web"}, True),
        (Term("won", "count"), {"deals": 0}, False),
    ],
)
def test_what_a_watch_counts(term, other, counts):
    watched = watch()
    assert watched.count(posting(**other), term, is_below=False) is counts
    assert (watched.above, watched.below) == (100 if counts else 0, 0)


def test_signs_counts_and_both_sides():
    watched = watch("win_rate")
    assert watched.terms == [
        (Term("won", "count"), False), (Term("won", "count"), True), (Term("lost", "count"), True),
    ]  # fmt: skip
    watched.count(posting(deals=3), Term("won", "count"), is_below=True)
    watched.count(posting(deals=2), Term("won", "count", sign=-1), is_below=False)
    assert (watched.above, watched.below) == (-2, 3)


SAID = {"en": "Sales", "zh": "销售额"}


def test_messages_in_two_languages():
    said = alert_text.message(replace(opened(), actual=7_000_00, standard=10_000_00), SAID)
    assert said["en"] == (
        "Sales in 2026-03: 7,000.00 CNY of 10,000.00 CNY due by 2026-03-10, 70.0 %: yellow. "
        "Short since 2026-03-10."
    )
    assert said["zh"] == (
        "2026-03 销售额：截至 2026-03-10 应完成 10,000.00 CNY，实际 7,000.00 CNY，达成 70.0%，黄灯；"
        "自 2026-03-10 起落后。"
    )


@pytest.mark.parametrize(
    ("resolution", "en", "zh"),
    [
        ("green", "It was short from 2026-03-10.", "现已恢复"),
        ("over", "and the period is over.", "周期已结束"),
        ("withdrawn", "and the target no longer holds.", "目标已撤销"),
    ],
)
def test_a_message_says_how_it_ended(resolution, en, zh):
    said = alert_text.message(resolve(opened(), resolution, stamp(12)), SAID)
    assert said["en"].endswith(en)
    assert zh in said["zh"]


def test_a_rate_and_a_ceiling_in_words():
    rate = judge(None, watch("win_rate", 4_000, above=1, below=5), 10)
    said = alert_text.message(rate, METRICS["win_rate"].name)
    assert "20.00 % on 2026-03-10, the target is 40.00 %, 50.0 %: red" in said["en"]
    ceiling = judge(None, watch("refunded", 500_00, above=700_00), 10)
    said = alert_text.message(ceiling, METRICS["refunded"].name)
    assert "700.00 CNY on 2026-03-10, at most 500.00 CNY is the target" in said["en"]
    assert "上限 500.00 CNY，实际 700.00 CNY" in said["zh"]
