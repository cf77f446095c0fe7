"""The method's own figures, and what a split refuses."""

from dataclasses import replace
from fractions import Fraction

import pytest

from services.kit.period import Calendar, Period
from services.targets.domain import cascade, explain, plan, rollup, spans
from services.targets.domain.cascade import Amounts, Buffer, Part, Rule
from services.targets.domain.explain import Measure, Whole
from services.targets.domain.plan import Owner, Plan, Split, Target
from services.targets.domain.splitting import Request, Share, Tree

PLAN_ID = "019ab000-0000-7000-8000-000000000001"
ISO, QUARTERED = Calendar(), Calendar(week_rule="month_quarters")
COMPANY = Owner("unit", "company")
CNY = Measure("money", "CNY")


def tree_of(target, period, calendar=ISO, *, is_rate=False, floor=None, stretch=None):
    cell = Period.parse(period, calendar)
    root = Target(
        rollup.cell_id(PLAN_ID, COMPANY, period), None, None, COMPANY, cell,
        Amounts(floor, target, stretch),
    )  # fmt: skip
    made = Plan(
        PLAN_ID, "Plan", 1, "draft", "sales", "CNY", cell, calendar, root.id, None, 9_000, None
    )
    return Tree(made, [root], is_rate=is_rate)


def anybody(*_):
    return True


def split(tree, axis, method, *shares, **more):
    request = Request(more.pop("target_id", None), axis, method, tuple(shares), **more)
    tree.split(request, tree.chosen(request, anybody), anybody)
    return [node for node in tree.nodes.values() if node.split is None]


def owners(**weights):
    return [Share(Owner("unit", name), weight=Fraction(w) if w else None)
            for name, w in weights.items()]  # fmt: skip


def by_shares(*bp):
    return [Share(weight=Fraction(each)) for each in bp]


def targets(nodes):
    return [node.amounts.target for node in nodes]


def test_a_quarter_by_30_35_35():
    months = split(
        tree_of(2_000_000_000, "2026-Q1"), "time", "shares", *by_shares(3000, 3500, 3500)
    )
    assert targets(months) == [600_000_000, 700_000_000, 700_000_000]
    assert [node.period.code for node in months] == ["2026-01", "2026-02", "2026-03"]


def test_january_in_four_declared_weeks_and_in_iso_pieces_by_days():
    weeks = split(tree_of(600_000_000, "2026-01", QUARTERED), "time", "equal")
    assert targets(weeks) == [150_000_000] * 4
    pieces = split(tree_of(600_000_000, "2026-01"), "time", "calendar_days")
    assert [node.period.days for node in pieces] == [4, 7, 7, 7, 6]
    assert targets(pieces) == [77_419_355, *[135_483_871] * 3, 116_129_032]


@pytest.mark.parametrize(("kind", "shared"), [("over_assigned", 2_200), ("reserved", 1_800)])
def test_a_buffer_is_one_step_that_shows(kind, shared):
    tree = tree_of(2_000, "2026-Q1")
    parts = split(tree, "organisation", "equal", *owners(a=0, b=0), buffer=Buffer(1_000, kind))
    assert sum(targets(parts)) == shared
    (root,) = (node for node in tree.nodes.values() if node.parent_id is None)
    assert (root.allocated, root.buffer) == (shared, shared - 2_000)
    with pytest.raises(cascade.BufferRepeated):
        split(tree, "organisation", "equal", *owners(c=0), of_owner_id="a",
              buffer=Buffer(500, "reserved"))  # fmt: skip


def test_totals_below_a_buffer_keep_the_wholes_own_number():
    tree = tree_of(1_000, "2026-Q1")
    split(tree, "organisation", "equal", *owners(a=0, b=0), buffer=Buffer(1_000, "over_assigned"))
    split(tree, "time", "shares", *by_shares(2000, 3000, 5000))
    months = {
        t.period.code: t for t in tree.totals() if t.owner == COMPANY and t.period.kind == "month"
    }
    assert [months[f"2026-0{n}"].amounts.target for n in (1, 2, 3)] == [200, 300, 500]
    assert [months[f"2026-0{n}"].buffer for n in (1, 2, 3)] == [20, 30, 50]


def test_a_rates_total_is_there_where_all_agree():
    tree = tree_of(2_500, "2026", is_rate=True)
    split(tree, "organisation", "same", *owners(a=0, b=0))
    split(tree, "time", "same", into="quarter")
    totals = {(t.owner.id, t.period.code): t.amounts.target for t in tree.totals()}
    assert totals == {("company", f"2026-Q{n}"): 2_500 for n in range(1, 5)}
    uneven = [replace(node, amounts=Amounts(None, 2_600, None)) if node.owner.id == "a" else node
              for node in tree.nodes.values()]  # fmt: skip
    assert rollup.rolled_up(uneven, ISO, PLAN_ID, is_rate=True) == []


def test_a_fiscal_year_is_cut_into_its_own_quarters():
    april = Calendar(fiscal_start_month=4)
    quarters = split(tree_of(100, "2026", april), "time", "equal")
    assert [(node.period.code, str(node.period.first)) for node in quarters][-1] == (
        "2026-Q4", "2027-01-01"
    )  # fmt: skip


def test_floors_and_stretches_never_cross_the_target():
    rule = Rule("time", "weights", tuple(Part(f"k{n}", w) for n, w in enumerate((6, 6, 2))))
    for target in range(60):
        for parts in (cascade.split(Amounts(max(target - 1, 0), target, target + 1), rule),):
            assert all(part.floor <= part.target <= part.stretch for part in parts)


@pytest.mark.parametrize(
    ("rule", "is_rate", "refusal", "path"),
    [
        (Rule("time", "shares", (Part("a", 5_000),)), False, cascade.SharesIncomplete, "parts"),
        (Rule("time", "weights", (Part("a", 0),)), False, cascade.SplitInvalid, "parts"),
        (Rule("time", "weights", (Part("a", -1),)), False, cascade.SplitInvalid, "parts"),
        (Rule("time", "equal", ()), False, cascade.SplitInvalid, "parts"),
        (Rule("time", "equal", (Part("a", 1),)), True, cascade.SplitInvalid, "method"),
        (Rule("time", "same", (Part("a", 1),)), False, cascade.SplitInvalid, "method"),
        (Rule("time", "equal", (Part("a", 1),), Buffer(1, "reserved")), False,
         cascade.SplitInvalid, "buffer"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_met(rule, is_rate, refusal, path):
    with pytest.raises(refusal) as refused:
        cascade.check(rule, is_rate=is_rate)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("call", "refusal", "path"),
    [
        (lambda t: split(t, "time", "shares", *by_shares(5000, 5000)), "split_invalid", "parts"),
        (lambda t: split(t, "time", "shares", Share(period="2027-Q1", weight=Fraction(1))),
         "period_outside", "parts.0.period"),
        (lambda t: split(t, "time", "shares", Share(period="2026-Q1", weight=Fraction(10_000))),
         "split_invalid", "parts"),
        (lambda t: split(t, "time", "equal", into="year"), "split_invalid", "into"),
        (lambda t: split(t, "time", "equal", *by_shares(1, 1, 1, 1)), "split_invalid", "parts.0"),
        (lambda t: split(t, "organisation", "shares", *owners(a=0)), "split_invalid", "parts.0"),
        (lambda t: split(t, "organisation", "equal", *owners(a=0), *owners(a=0)),
         "split_invalid", "parts.1.owner_id"),
        (lambda t: split(t, "organisation", "equal", Share(period="2026-Q1")),
         "split_invalid", "parts.0.owner_id"),
        (lambda t: split(t, "organisation", "equal", *owners(a=0), into="month"),
         "split_invalid", "into"),
        (lambda t: split(t, "time", "equal", of_owner_id="nobody"), "split_invalid", "of"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_tree_is_refused_with_its_place(call, refusal, path):
    tree = tree_of(100, "2026")
    with pytest.raises(cascade.Invalid) as refused:
        call(tree)
    assert (refused.value.code, refused.value.path) == (refusal, path)


def test_a_plan_has_a_last_level_and_a_last_target(monkeypatch):
    monkeypatch.setattr("services.kit.limits.PLAN_DEPTH", 2)
    tree = tree_of(100, "2026")
    split(tree, "time", "equal", into="quarter")
    split(tree, "time", "equal", into="month")
    with pytest.raises(plan.PlanTooDeep):
        split(tree, "time", "equal", into="week")
    monkeypatch.setattr("services.kit.limits.PLAN_TARGETS", 4)
    with pytest.raises(plan.PlanTooLarge):
        split(tree_of(100, "2026"), "time", "equal")


def test_plans_are_for_periods_that_tile():
    for code in ("2026-W03", "2026-01-15"):
        with pytest.raises(cascade.SplitInvalid):
            spans.check_plannable(Period.parse(code, ISO))


WHOLE = Whole(Owner("unit", "e"), "East 华东", "2026-Q1", 2_000_000_000, 2_000_000_000,
              Split("organisation", "weights", 3, "8"))  # fmt: skip


@pytest.mark.parametrize(
    ("weight", "whole", "en", "zh"),
    [
        ("2.5", WHOLE, "1.00 CNY is 2.5/8 of East 华东's 20,000,000.00 CNY, by weights",
         "1.00 CNY 是 East 华东 2026-Q1 目标 20,000,000.00 CNY 的 2.5/8，按权重拆分"),
        ("1", replace(WHOLE, split=Split("time", "equal", 3, "3")),
         "1.00 CNY is 1/3 of 2026-Q1's 20,000,000.00 CNY, in equal parts",
         "1.00 CNY 是 2026-Q1 目标 20,000,000.00 CNY 的 1/3，平均拆分"),
        ("4", replace(WHOLE, period="2026-01", split=Split("time", "calendar_days", 5, "31")),
         "1.00 CNY is 4/31 of 2026-01's 20,000,000.00 CNY, by calendar days",
         "1.00 CNY 是 2026-01 目标 20,000,000.00 CNY 的 4/31，按日历天数拆分"),
        ("3350", replace(WHOLE, allocated=2_200_000_000, split=Split(
            "organisation", "shares", 3, "10000", Buffer(1_000, "over_assigned"))),
         ("1.00 CNY is 33.5 % of East 华东's 22,000,000.00 CNY, by explicit shares; that is "
         "20,000,000.00 CNY with a buffer of 10 %, over-assigned"),
         ("1.00 CNY 是 East 华东 2026-Q1 目标 22,000,000.00 CNY 的 33.5%，按明确份额拆分；即目标 "
         "20,000,000.00 CNY 上浮 10% 缓冲")),
        (None, None, "1.00 CNY is the plan's own target", "1.00 CNY 是计划设定的总目标"),
    ],
)  # fmt: skip
def test_each_target_says_why_in_two_languages(weight, whole, en, zh):
    told = explain.explained(100, weight, whole, None, CNY)
    assert told.text == {"en": en, "zh": zh}
    if whole is not None:
        assert dict(told.inputs)["parent_target"] == "20000000.00"


def test_a_rate_and_a_total_say_why_too():
    same = replace(WHOLE, target=2_500, allocated=2_500, split=Split("time", "same", 4, "4"))
    rate = explain.explained(2_500, "1", same, None, Measure("percent", None))
    assert rate.text["en"] == "25.00 % is 2026-Q1's 25.00 %: a rate is the same for each part"
    rules = {explain.explained(1, None, None, t, CNY).rule for t in ("periods", "parts")}
    assert rules == {"total_of_periods", "total_of_parts"}


def test_consensus_is_reached_at_the_threshold_itself():
    for acknowledged, needed in ((8, True), (9, False), (10, False)):
        assert needed == plan.needs_override(
            acknowledged=acknowledged, owners=10, threshold_bp=9_000
        )
    assert plan.needs_override(acknowledged=899, owners=1_000, threshold_bp=9_000)
    assert not plan.needs_override(acknowledged=0, owners=10, threshold_bp=0)
