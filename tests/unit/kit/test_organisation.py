from datetime import date, timedelta
from time import perf_counter

import pytest

from services.kit.organisation import (
    Membership,
    Organisation,
    OrganisationInvalid,
    Placement,
    PlacementOverlap,
    SharesExceeded,
    TooManyMembers,
    TreeTooDeep,
    Unit,
    UnitCycle,
    UnitUnknown,
    check_tree,
)

JAN, APR, JUL, OCT = (date(2026, month, 1) for month in (1, 4, 7, 10))
DAY = timedelta(days=1)


def units(*ids):
    return [Unit(unit_id, unit_id.title()) for unit_id in ids]


@pytest.fixture
def company():
    """co ─ east ─ sh, co ─ west; sh moves to west on 1 July; west opens on 1 April."""
    return Organisation.build(
        units("co", "east", "west", "sh"),
        [
            Placement("co", None, JAN, manager_id="wang"),
            Placement("east", "co", JAN, manager_id="li"),
            Placement("west", "co", APR),
            Placement("sh", "east", JAN, JUL, manager_id="chen"),
            Placement("sh", "west", JUL, manager_id="zhao"),
        ],
        [
            Membership("wang", "co", JAN),
            Membership("li", "east", JAN),
            Membership("chen", "sh", JAN, JUL),
            Membership("zhang", "sh", JAN),
            Membership("both", "sh", JAN, share_bp=4_000),
            Membership("both", "east", JAN, share_bp=6_000),
            Membership("early", "west", JAN),
        ],
    )


def test_a_moved_unit_has_other_ancestors_from_that_day_on(company):
    assert company.ancestors("sh", JUL - DAY) == ("east", "co")
    assert company.ancestors("sh", JUL) == ("west", "co")
    assert company.ancestors("co", JUL) == ()


def test_a_subtree_is_the_days(company):
    assert company.subtree("co", JAN) == {"co", "east", "sh"}
    assert company.subtree("co", JUL) == {"co", "east", "west", "sh"}
    assert company.subtree("east", JUL) == {"east"}
    assert company.subtree("west", JUL) == {"west", "sh"}


def test_what_is_not_there_answers_empty(company):
    for unit, on in (("west", JAN), ("nowhere", JAN), ("co", JAN - DAY)):
        assert company.subtree(unit, on) == frozenset()
        assert company.ancestors(unit, on) == ()
        assert company.members_of(unit, on, deep=True) == frozenset()
        assert company.members_of(unit, on, deep=False) == frozenset()
        assert not company.is_in_subtree("zhang", unit, on)
    assert company.units_of("nobody", JAN) == ()
    assert company.manager_of("nobody", JAN) is None
    assert company.managed_units("nobody", JAN) == frozenset()


def test_a_membership_counts_only_while_its_unit_has_a_place(company):
    assert company.units_of("early", APR - DAY) == ()
    assert company.units_of("early", APR) == ("west",)


def test_members_join_on_the_first_day_and_are_gone_on_the_end_day(company):
    assert company.members_of("sh", JUL - DAY, deep=False) == {"chen", "zhang", "both"}
    assert company.members_of("sh", JUL, deep=False) == {"zhang", "both"}
    assert company.members_of("east", JAN, deep=False) == {"li", "both"}
    assert company.members_of("east", JAN, deep=True) == {"li", "both", "chen", "zhang"}


def test_units_of_a_member_by_share(company):
    assert company.units_of("both", JAN) == ("east", "sh")


def test_shares_in_one_unit_count_together():
    org = Organisation.build(
        units("a", "b"),
        [Placement("a", None, JAN), Placement("b", None, JAN)],
        [
            Membership("m", "a", JAN, share_bp=4_000),
            Membership("m", "b", JAN, share_bp=3_000),
            Membership("m", "b", JAN, share_bp=3_000),
        ],
    )
    assert org.units_of("m", JAN) == ("b", "a")


def test_the_manager_is_the_nearest_one_above_who_is_somebody_else(company):
    assert company.manager_of("zhang", JAN) == "chen"
    assert company.manager_of("zhang", JUL) == "zhao"
    assert company.manager_of("chen", JAN) == "li"  # not themselves
    assert company.manager_of("wang", JAN) is None
    assert company.manager_of("early", APR) == "wang"  # west has none
    assert company.manager_of("both", JAN) == "li"  # of the main unit


def test_the_next_unit_decides_where_the_main_one_has_nobody():
    org = Organisation.build(
        units("a", "b"),
        [Placement("a", None, JAN), Placement("b", None, JAN, manager_id="boss")],
        [
            Membership("m", "a", JAN, share_bp=9_000),
            Membership("m", "b", JAN, share_bp=1_000),
        ],
    )
    assert org.manager_of("m", JAN) == "boss"


def test_membership_of_a_subtree(company):
    assert company.is_in_subtree("zhang", "east", JAN)
    assert company.is_in_subtree("zhang", "sh", JAN)
    assert not company.is_in_subtree("zhang", "east", JUL)
    assert not company.is_in_subtree("li", "sh", JAN)


def test_who_manages_what_is_dated(company):
    assert company.managed_units("chen", JUL - DAY) == {"sh"}
    assert company.managed_units("chen", JUL) == frozenset()
    assert company.managed_units("li", JUL) == {"east"}


def test_a_cycle_names_the_units_on_it():
    placements = [
        Placement("top", "a", JAN),
        Placement("a", None, JAN, JUL),
        Placement("b", "a", JAN),
        Placement("c", "b", JAN),
        Placement("a", "c", JUL),
    ]
    with pytest.raises(UnitCycle, match=r"on 2026-07-01 .*: a → c → b → a$"):
        Organisation.build(units("top", "a", "b", "c"), placements, [])
    with pytest.raises(UnitCycle, match=r"a → a$"):
        check_tree([Placement("a", "a", JAN)])


def test_units_may_swap_over_time():
    Organisation.build(
        units("a", "b"),
        [
            Placement("a", None, JAN, JUL),
            Placement("b", "a", JAN, JUL),
            Placement("b", None, JUL),
            Placement("a", "b", JUL),
        ],
        [],
    )


def chain(length, start=JAN, prefix="u"):
    ids = [f"{prefix}{n}" for n in range(length)]
    parents = [None, *ids[:-1]]
    return [Placement(unit, above, start) for unit, above in zip(ids, parents, strict=True)]


def test_the_depth_limit():
    check_tree(chain(64))
    with pytest.raises(TreeTooDeep, match="over 64 units deep"):
        check_tree(chain(65))
    check_tree(chain(3), max_depth=3)
    with pytest.raises(TreeTooDeep, match="over 2"):
        check_tree(chain(3), max_depth=2)


def test_moving_a_tall_subtree_counts_its_height():
    below = chain(40, prefix="v")
    moved = [
        Placement("v0", None, JAN, JUL),
        Placement("v0", "u29", JUL),
        *below[1:],
    ]
    with pytest.raises(TreeTooDeep, match="on 2026-07-01 the tree at unit v0"):
        check_tree(chain(30) + moved)
    check_tree(chain(30) + moved, max_depth=70)


@pytest.mark.parametrize(
    ("placements", "why"),
    [
        ([Placement("a", "x", JAN)], "the parent x of unit a is not there"),
        ([Placement("x", None, JAN)], "unit x has a placement but is not there"),
        (
            [Placement("b", None, JAN, JUL), Placement("a", "b", JAN)],
            "the parent b of unit a has no place on 2026-07-01",
        ),
        (
            [Placement("b", None, APR), Placement("a", "b", JAN)],
            "the parent b of unit a has no place on 2026-01-01",
        ),
        (
            [Placement("b", None, JAN, APR), Placement("b", None, JUL), Placement("a", "b", JAN)],
            "the parent b of unit a has no place on 2026-04-01",
        ),
    ],
)
def test_a_parent_must_be_there_all_the_time(placements, why):
    with pytest.raises(UnitUnknown, match=why):
        Organisation.build(units("a", "b"), placements, [])


def test_a_parent_may_be_there_in_several_placements():
    org = Organisation.build(
        units("a", "b"),
        [Placement("b", None, JAN, APR), Placement("b", None, APR), Placement("a", "b", JAN, OCT)],
        [],
    )
    assert org.subtree("b", OCT - DAY) == {"a", "b"}
    assert org.subtree("b", OCT) == {"b"}


def test_a_parents_earlier_placements_do_not_matter():
    placements = [
        Placement("b", None, JAN, APR),
        Placement("b", None, JUL),
        Placement("a", "b", JUL),
    ]
    org = Organisation.build(units("a", "b"), placements, [])
    assert org.ancestors("a", JUL) == ("b",)


def test_a_unit_hangs_in_one_place_a_day():
    with pytest.raises(PlacementOverlap, match="unit a has two places on 2026-04-01"):
        Organisation.build(
            units("a"), [Placement("a", None, APR), Placement("a", None, JAN, APR + DAY)], []
        )


def test_shares_sum_to_the_whole_at_most_on_every_day():
    def memberships(*rows):
        Organisation.build(
            units("a"), [Placement("a", None, JAN)], [Membership("m", "a", *row) for row in rows]
        )

    memberships((JAN, APR, 10_000), (APR, None, 10_000))
    memberships((JAN, None, 5_000), (JAN, None, 5_000))
    with pytest.raises(SharesExceeded, match="member m has 10001 basis points on 2026-04-01"):
        memberships((JAN, APR + DAY, 5_000), (JAN, None, 2_000), (APR, None, 3_001))


def test_memberships_are_of_known_units():
    with pytest.raises(UnitUnknown, match="unit x of member m is not there"):
        Organisation.build(units("a"), [Placement("a", None, JAN)], [Membership("m", "x", JAN)])


@pytest.mark.parametrize("share_bp", [0, -1, 10_001])
def test_a_share_is_a_part_of_the_whole(share_bp):
    with pytest.raises(OrganisationInvalid, match="1 to 10000"):
        Membership("m", "a", JAN, share_bp=share_bp)


def test_a_span_has_at_least_a_day():
    with pytest.raises(OrganisationInvalid, match="unit a: 2026-01-01 is not after 2026-01-01"):
        Placement("a", None, JAN, JAN)
    with pytest.raises(OrganisationInvalid, match="member m: 2026-01-01 is not after 2026-04-01"):
        Membership("m", "a", APR, JAN)


def test_ids_are_unique_and_members_limited():
    with pytest.raises(OrganisationInvalid, match="two units have the id a"):
        Organisation.build(units("a", "a"), [], [])
    rows = [Membership("m", "a", JAN), Membership("n", "a", JAN)]
    place = [Placement("a", None, JAN)]
    assert Organisation.build(units("a"), place, rows, max_members=2).members_of(
        "a", JAN, deep=True
    ) == {"m", "n"}
    with pytest.raises(TooManyMembers, match="2 members are more than 1"):
        Organisation.build(units("a"), place, rows, max_members=1)


def test_the_largest_organisation_is_answered_quickly():
    """200,000 members on 3,125 branches, each at depth 64 or 63 of a trunk."""
    trunk = chain(63)
    leaves = [Placement(f"leaf{n}", "u62", JAN) for n in range(3_125)]
    placements = trunk + leaves
    rows = [Membership(f"m{n}", f"leaf{n % 3_125}", JAN) for n in range(200_000)]
    org = Organisation.build(units(*(p.unit_id for p in placements)), placements, rows)
    assert len(org.members_of("u0", JAN, deep=True)) == 200_000
    started = perf_counter()
    assert all(org.is_in_subtree(f"m{n}", "u0", JAN) for n in range(1_000))
    assert perf_counter() - started < 1  # a scan of all members would need minutes
