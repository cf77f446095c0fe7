"""Cascades: every step sums exactly, whatever the tree, the weights and the order of siblings."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit import ids
from services.kit.period import Calendar, Period
from services.targets.domain.cascade import Amounts, Buffer, Part, Rule, shared, split
from services.targets.domain.plan import Owner, Plan, Target
from services.targets.domain.rollup import cell_id
from services.targets.domain.splitting import Request, Share, Tree

PLAN_ID = ids.new()
calendars = st.builds(
    Calendar, st.integers(1, 12), st.sampled_from(["iso_clipped", "month_quarters"])
)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)
buffers = st.none() | st.builds(
    Buffer, st.integers(1, 9_999), st.sampled_from(["over_assigned", "reserved"])
)


@st.composite
def amounts(draw):
    floor, target, stretch = sorted(draw(st.tuples(*[st.integers(0, 10**12)] * 3)))
    return Amounts(
        draw(st.sampled_from([None, floor])), target, draw(st.sampled_from([None, stretch]))
    )


def sums(parts):
    return [
        None if any(part[n] is None for part in parts) else sum(part[n] for part in parts)
        for n in range(3)
    ]


@given(amounts(), weights, buffers)
def test_parts_sum_to_the_whole_or_to_it_with_its_buffer(whole, given_weights, buffer):
    keys = [f"k{n}" for n in range(len(given_weights))]
    parts = shared(whole, given_weights, keys, buffer)
    expected = [None if v is None else buffer.applied(v) if buffer else v for v in whole]
    assert sums(parts) == expected
    for floor, target, stretch in parts:
        assert floor is None or 0 <= floor <= target
        assert stretch is None or target <= stretch


@given(amounts(), weights, st.randoms(use_true_random=False))
def test_the_order_of_siblings_does_not_matter(whole, given_weights, chance):
    parts = [Part(f"k{n:02}", weight) for n, weight in enumerate(given_weights)]
    mixed = chance.sample(parts, len(parts))
    by_key = dict(
        zip([p.key for p in parts],
            split(whole, Rule("organisation", "weights", tuple(parts))), strict=True)
    )  # fmt: skip
    again = dict(
        zip([p.key for p in mixed],
            split(whole, Rule("organisation", "weights", tuple(mixed))), strict=True)
    )  # fmt: skip
    assert again == by_key


class Grown:
    """A plan for one year, split at random by the rules that requests have."""

    def __init__(self, calendar, whole, chance):
        self.chance = chance
        year, company = Period.parse("2026", calendar), Owner("unit", "company")
        root = Target(cell_id(PLAN_ID, company, "2026"), None, None, company, year, whole)
        plan = Plan(
            PLAN_ID, "Year", 1, "draft", "sales", "CNY", year, calendar, root.id, None, 9_000, None
        )
        self.tree = Tree(plan, [root], is_rate=False)
        self.buffered = False

    def grow(self, steps):
        for _ in range(steps):
            leaves = [node for node in self.tree.nodes.values() if node.split is None]
            leaf = self.chance.choice(leaves)
            alike = [
                n for n in leaves if n.owner == leaf.owner and n.period.kind == leaf.period.kind
            ]
            if self.chance.random() < 0.5 and leaf.period.kind != "week":
                method = self.chance.choice(["equal", "calendar_days"])
                self.split(Request(None, "time", method), alike)
            elif leaf.owner.id.count(".") < 3:
                names = [f"{leaf.owner.id}.{n}" for n in range(self.chance.randint(1, 4))]
                shares = tuple(
                    Share(Owner("unit", name), weight=Fraction(self.chance.randint(1, 99)))
                    for name in names
                )
                self.split(Request(None, "organisation", "weights", shares), alike)

    def split(self, request, targets):
        self.tree.split(request, targets, lambda owner, target: True)


@settings(deadline=None, max_examples=60)
@given(calendars, amounts(), st.randoms(use_true_random=False), st.integers(1, 8))
def test_any_tree_sums_exactly_at_every_step_and_in_every_total(calendar, whole, chance, steps):
    grown = Grown(calendar, whole, chance)
    grown.grow(steps)
    nodes, totals = list(grown.tree.nodes.values()), grown.tree.totals()
    for node in nodes:
        parts = [part for part in nodes if part.parent_id == node.id]
        assert (node.split is None) == (parts == [])
        if parts:
            assert sums([part.amounts for part in parts]) == list(node.amounts)
    cells = {(cell.owner.id, cell.period.code): cell for cell in [*nodes, *totals]}
    assert len(cells) == len(nodes) + len(totals)
    for total in totals:
        if total.total == "parts":  # what the owners below have in the period
            below = [c for (_, code), c in cells.items()
                     if c.above_id == total.owner.id and code == total.period.code]  # fmt: skip
            assert sums([c.amounts for c in below]) == list(total.amounts)
    for cell in cells.values():  # what an owner's months sum to is their quarter's
        finer = [c for c in cells.values() if c.owner == cell.owner and c != cell
                 and cell.period.first <= c.period.first and c.period.last <= cell.period.last]  # fmt: skip
        coarsest = [c for c in finer if not any(
            o.period.first <= c.period.first and c.period.last <= o.period.last
            and o.period.days > c.period.days for o in finer)]  # fmt: skip
        if sum(c.period.days for c in coarsest) == cell.period.days:
            assert sums([c.amounts for c in coarsest]) == list(cell.amounts)
