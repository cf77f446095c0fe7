"""Who sees and does what, role by role."""

import itertools

import pytest

from services.customers.domain import policy
from services.kit.auth import ROLES
from services.kit.errors import Forbidden

TENANT = {"sales_ops", "finance", "admin", "service"}


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_reaches(role):
    seen = policy.reach(role, "ann", {"bob"})
    assert seen.everything == (role in TENANT)
    assert seen.shows(["ann"])
    assert seen.shows(["bob"]) == (role in TENANT | {"manager"})
    assert seen.shows([]) == (role in TENANT)
    assert seen.scopes(["ann", "bob", "east"], ["east"] if role == "manager" else []) == (
        ["ann", "bob", "east"] if role in TENANT | {"manager"} else ["ann"]
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_token_without_a_member_reaches_nobody_alone(role):
    assert policy.reach(role, None, {"bob"}).shows(["bob"]) == (role in TENANT)


@pytest.mark.parametrize(
    ("role", "service"), list(itertools.product(ROLES, (None, "headwater", "kpi")))
)
def test_who_decides(role, service):
    may = role in {"sales_ops", "admin"} or (role, service) == ("service", "headwater")
    seen = policy.reach(role, "ann", {"bob"})
    assert policy.may_complete(role, service, seen, ["cid"]) == may
    own = may or role in {"rep", "manager", "customer_success"}
    assert policy.may_complete(role, service, seen, ["ann"]) == own
    assert policy.may_complete(role, service, seen, ["bob"]) == (may or role == "manager")
    if may:
        policy.refuse_deciding(role, service)
    else:
        with pytest.raises(Forbidden):
            policy.refuse_deciding(role, service)


@pytest.mark.parametrize("role", ROLES)
def test_who_looks_behind(role):
    for refuse, allowed in (
        (policy.refuse_operating, {"admin", "service"}), (policy.need_service, {"service"}),
    ):  # fmt: skip
        if role in allowed:
            refuse(role)
        else:
            with pytest.raises(Forbidden):
                refuse(role)
