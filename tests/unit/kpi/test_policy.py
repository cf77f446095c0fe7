"""Who may see which scopes of kpi, and who may write what."""

from datetime import date

import pytest

from services.kit.chart import Chart, Sight
from services.kit.errors import Forbidden
from services.kit.organisation.whereabouts import Span
from services.kpi.domain import events, policy

DAY = date(2026, 1, 5)
ALL = ["region", "south", "north", "cai", "ben", "ann", "stranger"]
PLACED = {"region": None, "north": "region", "south": "region"}
TEAMS = {"ann": "north", "ben": "north", "cai": "south"}


def sight(me=None, managed=()):
    """The place of one of three reps, of two teams in a region."""
    chart = Chart(
        "t", 1, DAY, None,
        {unit: [Span(parent, DAY, None)] for unit, parent in PLACED.items()}, {},
        {member: [Span(team, DAY, None)] for member, team in TEAMS.items()},
    )  # fmt: skip
    own = frozenset({TEAMS[me]} if me in TEAMS else ())
    return Sight(chart, DAY, me, own, frozenset(managed))


def visible(role, member=None, managed=()):
    return policy.visible_scopes(role, sight(member, managed), ALL)


@pytest.mark.parametrize("role", sorted(policy.WHOLE_TENANT))
def test_roles_of_the_whole_tenant_see_what_exists(role):
    assert visible(role) == ["region", "south", "north", "cai", "ben", "ann"]


@pytest.mark.parametrize("role", ["rep", "customer_success"])
def test_a_rep_and_customer_success_see_themselves_and_the_own_team(role):
    assert visible(role, "ann") == ["north", "ann"]


def test_a_rep_who_manages_by_mistake_gains_nothing():
    assert visible("rep", "ann", {"region"}) == ["north", "ann"]


def test_a_manager_sees_what_they_manage_with_all_below():
    everybody = ["region", "south", "north", "cai", "ben", "ann"]
    assert visible("manager", "cai", {"region"}) == everybody
    assert visible("manager", "ann", {"south"}) == ["south", "north", "cai", "ann"]


@pytest.mark.parametrize("role", ["rep", "manager"])
def test_without_a_member_nothing_is_seen(role):
    assert visible(role, None, {"region"}) == []


def test_the_order_asked_for_is_kept_and_the_unknown_is_left_out():
    assert policy.visible_scopes("admin", sight(), ["cai", "x", "ann"]) == ["cai", "ann"]
    assert policy.visible_scopes("rep", sight("ann"), ["x"]) == []


@pytest.mark.parametrize("may", [policy.need_configuration, policy.need_events])
def test_configuration_and_events_are_for_operations_admins_and_the_installation(may):
    for role, service in (("sales_ops", None), ("admin", None), ("service", "headwater")):
        may(role, service)
    for role, service in (
        ("rep", None), ("manager", None), ("finance", None), ("service", "targets"),
        ("service", None), ("rep", "headwater"),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            may(role, service)


def test_a_service_appends_its_own_facts_and_no_other():
    for service, types in events.FACTS_OF.items():
        for type_ in (*types, "deal.won.v1", *events.OBSERVATIONS, events.DAY_STARTED):
            if type_ in types:
                policy.need_fact(service, type_)
            else:
                with pytest.raises(Forbidden):
                    policy.need_fact(service, type_)
    with pytest.raises(Forbidden):
        policy.need_fact(None, events.UNIT_PLACED)
    with pytest.raises(Forbidden):
        policy.need_fact("headwater", events.UNIT_PLACED)


def test_only_services_pass_as_services():
    policy.need_service("service")
    with pytest.raises(Forbidden):
        policy.need_service("admin")
