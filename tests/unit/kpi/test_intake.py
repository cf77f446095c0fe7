"""Our own event API, one event at a time."""

import doctest
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.kpi.domain import intake
from services.kpi.domain.intake import Retraction
from services.kpi.domain.observation import Draft, Pipeline, Stage, Unusable

STAGES = (Stage("new", "New", "open", 0), Stage("won", "Won", "won", 1))
PIPELINES = {
    "sales": Pipeline("sales", "Sales", STAGES),
    "renewals": Pipeline("renewals", "Renewals", (Stage("due", "Due", "open", 0),)),
}


def event(**changes):
    data = changes.pop("data", {"deal": "D-1"})
    return {
        "id": "e-1",
        "source": "erp",
        "type": "deal.observed.v1",
        "time": "2026-03-01T09:30:00+08:00",
        "data": data,
        **changes,
    }


def read(what, currency="CNY", pipeline="sales"):
    return intake.read(
        what, pipelines=PIPELINES, default_currency=currency, default_pipeline=pipeline
    )


def fields(**data):
    found = read(event(data={"deal": "D-1", **data}))
    assert isinstance(found, Draft), found
    return found.fields


def refused(**data):
    found = read(event(data={"deal": "D-1", **data}))
    assert isinstance(found, Unusable), found
    return found


def test_the_worked_example_holds():
    failed, attempted = doctest.testmod(intake)
    assert (failed, attempted > 0) == (0, True)


def test_a_full_event_becomes_a_draft():
    found = read(
        event(
            specversion="1.0",
            subject="deal",
            traceparent="00-ab",
            data={
                "deal": "D-7",
                "kind": "snapshot",
                "version": 3,
                "pipeline": "sales",
                "stage": "won",
                "amount": "1200.50",
                "currency": "USD",
                "owners": [
                    {"owner": "hubspot:42", "share_bp": 6_000},
                    {"owner": "hubspot:43", "share_bp": 4_000},
                ],
                "product": "GTX",
                "channel": None,
                "account": "Cancity",
            },
        )
    )
    assert found == Draft(
        id="D-7",
        source="erp|e-1",
        kind="snapshot",
        effective_at=datetime(2026, 3, 1, 1, 30, tzinfo=UTC),
        precision="instant",
        fields={
            "pipeline": "sales",
            "stage": "won",
            "amount": {"minor": 120_050, "currency": "USD"},
            "owners": [
                {"owner": "hubspot:42", "share_bp": 6_000},
                {"owner": "hubspot:43", "share_bp": 4_000},
            ],
            "product": "GTX",
            "channel": None,
            "account": "Cancity",
        },
        version=3,
        ordinal=0,
    )


def test_a_delta_says_no_more_than_was_said():
    found = read(event())
    assert (found.kind, found.fields, found.version) == ("delta", {}, 0)
    assert fields(stage="new") == {"pipeline": "sales", "stage": "new"}
    assert fields(kind="snapshot") == {"pipeline": "sales"}
    assert fields(owner="hubspot:42") == {"owners": [{"owner": "hubspot:42", "share_bp": 10_000}]}


def test_null_empties_a_field():
    said = dict.fromkeys(["amount", "owners", "product", "channel", "account"])
    assert fields(**said) == {**said, "owners": []}
    assert fields(owner=None) == {"owners": []}
    assert fields(owners=[]) == {"owners": []}


@pytest.mark.parametrize("kind", ["notice", "deleted", "restored"])
def test_other_kinds_carry_no_fields(kind):
    found = read(event(data={"deal": "D-1", "kind": kind, "version": 2}))
    assert (found.kind, found.fields, found.version) == (kind, {}, 2)
    wrong = refused(kind=kind, stage="new")
    assert (wrong.reason, wrong.path) == ("unknown_field", "data.stage")


@pytest.mark.parametrize("kind", ["Delta", "created", None, 1, ["delta"]])
def test_an_unknown_kind_is_named(kind):
    assert refused(kind=kind).reason == "unknown_kind"


# Identity


def test_source_and_id_identify_an_event_without_confusion():
    assert intake.key(event()) == "erp|e-1"
    assert intake.key({"id": "e-1"}) == "|e-1"
    assert intake.key(event(source="a|b", id="c")) != intake.key(event(source="a", id="b|c"))
    assert read(event(source="a|b")).source == intake.key(event(source="a|b"))


@pytest.mark.parametrize("event_id", [None, "", 5, "x" * 257, "a\0b", ["x"]])
def test_an_event_without_a_usable_id_is_not_accepted(event_id):
    for found in (intake.key(event(id=event_id)), read(event(id=event_id))):
        assert (found.reason, found.path) == ("no_event_id", "id")


@pytest.mark.parametrize("source", ["", 5, "x" * 257])
def test_a_source_is_a_text(source):
    assert intake.key(event(source=source)).reason == "bad_source"


def test_a_cloud_event_needs_its_source_and_a_plain_one_does_not():
    cloud = event(specversion="1.0")
    del cloud["source"]
    assert intake.key(cloud).reason == "bad_source"
    del cloud["specversion"]
    assert read(cloud).source == "|e-1"


@pytest.mark.parametrize("what", [None, 5, "event", [], [event()], True, Decimal(1)])
def test_what_is_no_event_is_unusable(what):
    assert read(what).reason == "bad_event"
    assert intake.key(what).reason == "bad_event"


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"specversion": "0.3"}, "bad_event", "specversion"),
        ({"specversion": None}, "bad_event", "specversion"),
        ({"type": "deal.won.v1"}, "unknown_type", "type"),
        ({"type": None}, "unknown_type", "type"),
        ({"type": ["deal.observed.v1"]}, "unknown_type", "type"),
        ({"data": None}, "bad_event", "data"),
        ({"data": "x"}, "bad_event", "data"),
        ({"tme": "2026-03-01T00:00:00Z"}, "unknown_field", "tme"),
        ({"specversion": "1.0", "data_base64": "e30="}, "unknown_field", "data_base64"),
    ],
)
def test_the_envelope_is_checked(changes, reason, path):
    found = read(event(**changes))
    assert (found.reason, found.path) == (reason, path)


# Time


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-03-01T01:30:00Z", datetime(2026, 3, 1, 1, 30, tzinfo=UTC)),
        ("2026-03-01t01:30:00.123456789z", datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=UTC)),
        ("2026-02-28T23:30:00-02:00", datetime(2026, 3, 1, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_time_has_an_offset(time, moment):
    found = read(event(time=time))
    assert (found.effective_at, found.precision) == (moment, "instant")
    assert found.effective_at.tzinfo is UTC


def test_without_time_it_is_unknown():
    for undated in (event(time=None), {k: v for k, v in event().items() if k != "time"}):
        found = read(undated)
        assert (found.effective_at, found.precision) == (None, "unknown")


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-01T01:30:00",
        "2026-03-01",
        "2026-03-01 01:30:00Z",
        "20260301T013000Z",
        "2026-02-30T01:30:00Z",
        "2026-03-01T25:30:00Z",
        "2026-03-01T01:30:00+99:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "２026-03-01T01:30:00Z",
        "",
        1772328600,
    ],
)
def test_another_time_is_unusable(time):
    found = read(event(time=time))
    assert (found.reason, found.path) == ("bad_time", "time")


# Data


def test_an_unknown_field_is_named():
    assert refused(amuont="5") == Unusable(
        "unknown_field", "a delta of a deal has no field 'amuont'", "data.amuont"
    )


@pytest.mark.parametrize("deal", [None, "", True, {}, "x" * 201])
def test_a_deal_has_an_id(deal):
    assert refused(deal=deal).reason == "no_deal_id"
    assert read(event(data={})).reason == "no_deal_id"


def test_an_unknown_stage_or_pipeline_says_what_would_release_it():
    found = refused(stage="Won")
    assert (found.reason, found.path) == ("unknown_stage", "data.stage")
    assert found.waits_for == "stage:sales:Won"
    assert refused(pipeline="renewals", stage="won").waits_for == "stage:renewals:won"
    assert fields(pipeline="renewals", stage="due")["pipeline"] == "renewals"
    found = refused(pipeline="leads")
    assert (found.reason, found.waits_for) == ("unknown_pipeline", "pipeline:leads")
    assert refused(pipeline=5, stage="won").reason == "unknown_pipeline"
    assert refused(stage=None).reason == "bad_value"


def test_without_a_default_pipeline_it_must_be_named():
    found = read(event(data={"deal": "D-1", "stage": "won"}), pipeline=None)
    assert (found.reason, found.waits_for) == ("unknown_pipeline", None)
    assert read(event(data={"deal": "D-1", "product": "x"}), pipeline=None).fields == {
        "product": "x"
    }


@pytest.mark.parametrize(
    ("data", "amount"),
    [
        ({"amount": "10.5"}, {"minor": 1_050, "currency": "CNY"}),
        ({"amount": 10}, {"minor": 1_000, "currency": "CNY"}),
        ({"amount": Decimal("0.01"), "currency": "USD"}, {"minor": 1, "currency": "USD"}),
        ({"amount": "10", "currency": None}, {"minor": 1_000, "currency": "CNY"}),
        ({"amount": None, "currency": "USD"}, None),
    ],
)
def test_an_amount_is_in_major_units(data, amount):
    assert fields(**data)["amount"] == amount


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"amount": "10.005"}, "bad_amount"),
        ({"amount": 10.5}, "bad_amount"),
        ({"amount": True}, "bad_amount"),
        ({"amount": ""}, "bad_amount"),
        ({"currency": "USD"}, "bad_amount"),
        ({"amount": "-1"}, "amount_out_of_range"),
        ({"amount": 10**14}, "amount_out_of_range"),
        ({"amount": "1", "currency": "usd"}, "unknown_currency"),
        ({"amount": "1", "currency": 156}, "unknown_currency"),
    ],
)
def test_another_amount_is_unusable(data, reason):
    assert refused(**data).reason == reason


def test_a_currency_is_never_assumed():
    found = read(event(data={"deal": "D-1", "amount": "1"}), currency=None)
    assert found.reason == "unknown_currency"


@pytest.mark.parametrize(
    "data",
    [
        {"owners": [{"owner": "a", "share_bp": 9_999}]},
        {"owners": [{"owner": "a", "share_bp": "10000"}]},
        {"owners": [{"owner": "a"}]},
        {"owners": [{"owner": "a", "share_bp": 10_000, "role": "x"}]},
        {"owners": ["a"]},
        {"owners": "a"},
        {"owners": [{"owner": "a", "share_bp": 5_000}] * 2},
        {"owners": [], "owner": "a"},
    ],
)
def test_owner_shares_must_make_the_whole(data):
    assert refused(**data).reason == "bad_owner_shares"


@pytest.mark.parametrize(
    "data", [{"owner": ""}, {"product": ""}, {"account": ["x"]}, {"channel": True}]
)
def test_a_text_is_a_text(data):
    assert refused(**data).reason == "bad_value"


@pytest.mark.parametrize("version", [-1, "x", Decimal("1.5"), 2**63, True])
def test_a_version_is_a_whole_number(version):
    found = refused(version=version)
    assert (found.reason, found.path) == ("bad_version", "data.version")


# Retractions


def test_a_retraction_names_an_earlier_event_of_its_source():
    earlier = read(event(id="e-1"))
    taken_back = event(
        id="e-2", type="observation.retracted.v1", data={"deal": "D-1", "retracts": "e-1"}
    )
    assert read(taken_back) == Retraction(id="D-1", source=earlier.source)
    assert read({**taken_back, "source": "other"}) != Retraction("D-1", earlier.source)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"deal": "D-1"}, "bad_value"),
        ({"deal": "D-1", "retracts": ""}, "bad_value"),
        ({"deal": "D-1", "retracts": 5}, "bad_value"),
        ({"retracts": "e-1"}, "no_deal_id"),
        ({"deal": "D-1", "retracts": "e-1", "stage": "won"}, "unknown_field"),
    ],
)
def test_another_retraction_is_unusable(data, reason):
    assert read(event(type="observation.retracted.v1", data=data)).reason == reason
