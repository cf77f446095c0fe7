from datetime import date

import pytest

from services.kit.auth import ROLES
from services.kit.errors import Forbidden
from services.kit.organisation import Organisation, Placement, Unit
from services.targets.domain import policy

MAY, JULY, AUGUST = date(2026, 5, 1), date(2026, 7, 1), date(2026, 8, 1)
TREE = Organisation.build(
    [Unit(name, name) for name in ("company", "east", "shanghai", "west")],
    [
        Placement("company", None, MAY, manager_id="boss"),
        Placement("east", "company", MAY, JULY, manager_id="li"),
        Placement("east", "company", JULY, manager_id="qi"),
        Placement("shanghai", "east", MAY),
        Placement("west", "company", MAY, manager_id="li"),
    ],
    [],
)


def seen(role, member_id, on=MAY, own=()):
    return policy.sight(role, member_id, own, TREE, on)


def test_a_rep_sees_their_own_unit_by_name_and_themselves():
    sight = seen("rep", "wang", own=["shanghai"])
    assert [name for name in TREE.units if sight.names(name)] == ["shanghai"]
    assert not any(sight.shows_members_of(name) for name in TREE.units)
    assert sight.shows_member("wang", "shanghai")
    assert not sight.shows_member("zhou", "shanghai")


def test_a_manager_sees_the_subtrees_they_manage_on_the_day():
    assert seen("manager", "li").staffed == {"east", "shanghai", "west"}
    assert seen("manager", "li", AUGUST).staffed == {"west"}
    assert seen("manager", "qi", AUGUST).staffed == {"east", "shanghai"}
    assert seen("manager", "boss").staffed == set(TREE.units)
    assert seen("manager", "wang").staffed == set()


def test_managing_counts_only_with_the_role():
    assert seen("rep", "boss").staffed == set()
    targets = policy.target_sight("rep", "boss", ["company"], TREE, MAY)
    assert (targets.staffed, targets.drafts) == (frozenset(), False)
    assert targets.units == {"company"}
    assert policy.target_sight("manager", "boss", ["company"], TREE, MAY).staffed == set(TREE.units)


@pytest.mark.parametrize("role", ["rep", "manager"])
def test_a_token_without_a_member_sees_nothing(role):
    sight = seen(role, None)
    assert not sight.names("company")
    assert not sight.shows_member("wang", None)
    assert not sight.shows_members_of("company")


def test_a_member_in_no_unit_is_seen_by_nobody_else():
    assert not seen("manager", "boss").shows_member("qi", None)
    assert seen("manager", "qi").shows_member("qi", None)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"rep", "manager"}))
def test_the_other_roles_see_the_tenant(role):
    assert seen(role, None).everything


def allowed(check, *who):
    try:
        check(*who)
    except Forbidden:
        return False
    return True


def test_who_may_change():
    services = [None, "headwater", "kpi"]
    movers = [(r, s) for r in ROLES for s in services if allowed(policy.refuse_moving_people, r, s)]
    assert {role for role, _ in movers} == {"admin", "sales_ops", "service"}
    assert [s for r, s in movers if r == "service"] == ["headwater"]
    assert [
        (r, s) for r in ROLES for s in services if allowed(policy.refuse_configuring, r, s)
    ] == [("service", "headwater")]
    assert {r for r in ROLES if allowed(policy.refuse_operating, r)} == {"admin", "service"}
