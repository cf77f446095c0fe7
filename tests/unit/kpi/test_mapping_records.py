"""Mappings of contracts, receipts, activities and customers."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.kpi.domain import mapping
from services.kpi.domain.mapping import MappingInvalid
from services.kpi.domain.observation import ID_FIELD, RECORDS, Draft, Unusable

EXAMPLES = Path(__file__).parents[3] / "examples/erp"
CONTRACT: dict[str, Any] = {
    "mapping": 1, "record": "contract", "connection": "erp", "zone": "Asia/Shanghai",
    "currency": "CNY", "contract": "no", "deals": "crm",
    "lookups": {"kinds": {"N": "new", "X": "nonsense"}},
    "observations": [{"kind": "snapshot", "at": {"path": "on"}, "set": {"amount": {"path": "sum"}}}],
}  # fmt: skip


def contract(**fields: Any) -> dict[str, Any]:
    document = copy.deepcopy(CONTRACT)
    document["observations"][0]["set"] |= fields
    return document


def read(document: dict[str, Any], **item: Any) -> Draft | Unusable:
    found = mapping.compile(document).drafts({"no": "C-1", **item})
    return found if isinstance(found, Unusable) else found[0]


def refused(document: dict[str, Any]) -> str | None:
    with pytest.raises(MappingInvalid) as caught:
        mapping.compile(document)
    return caught.value.path


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_examples_compile_to_themselves(file):
    compiled = mapping.compile(yaml.safe_load(file.read_text()))
    assert mapping.compile(compiled.document).document == compiled.document
    assert compiled.pipeline is None


def test_there_is_an_example_of_every_record():
    named = {yaml.safe_load(file.read_text())["record"] for file in EXAMPLES.glob("*.yaml")}
    assert named == set(RECORDS) - {"deal"}


def test_a_contract_is_read_with_its_dates_references_and_payments():
    document = contract(
        deal={"path": "deal"}, renews={"path": "old"}, contract_kind={"value": "renewal"},
        starts_on={"path": "from", "format": "%d.%m.%Y"}, ends_on={"path": "to"},
        annual_fee={"value": "12"}, owners={"path": "rep"},
        schedule={"lines": [{"due_on": "d1", "amount": "a1"}, {"due_on": "d2", "amount": "a2"}]},
    )  # fmt: skip
    found = read(
        document, deal="D:7", old="C-0", to="2026-12-31T20:00:00Z", on="2026-01-05", rep="li",
        sum="1200.50", d1="2026-06-30", a1="600.25", d2="2026-01-31", a2="600.25",
        **{"from": "01.02.2026"},
    )  # fmt: skip
    half = {"minor": 60025, "currency": "CNY"}
    assert found == Draft(
        "C-1", found.source, "snapshot", datetime(2026, 1, 4, 16, tzinfo=UTC), "day",
        {
            "amount": {"minor": 120050, "currency": "CNY"}, "deal": "crm:D:7",
            "renews": "erp:C-0", "contract_kind": "renewal", "starts_on": "2026-02-01",
            "ends_on": "2027-01-01",  # what the clock in Shanghai shows
            "annual_fee": {"minor": 1200, "currency": "CNY"},
            "owners": [{"owner": "erp:li", "share_bp": 10_000}],
            "schedule": [
                {"due_on": "2026-01-31", "amount": half}, {"due_on": "2026-06-30", "amount": half},
            ],
        }, 0, 0, "contract",
    )  # fmt: skip


def test_a_schedule_may_be_an_array():
    rule = {"path": "plan", "due_on": "day", "amount": "value"}
    found = read(contract(schedule=rule), plan=[{"day": "2026-03-01", "value": "5"}])
    assert found.fields["schedule"] == [
        {"due_on": "2026-03-01", "amount": {"minor": 500, "currency": "CNY"}}
    ]
    assert "schedule" not in read(contract(schedule=rule)).fields
    assert read(contract(schedule={**rule, "missing": "empty"})).fields["schedule"] == []
    assert read(contract(schedule={**rule, "missing": "refuse"})).reason == "missing_value"
    assert read(contract(schedule=rule), plan="often").reason == "bad_value"
    half = read(contract(schedule=rule), plan=[{"day": "2026-03-01"}])
    assert (half.reason, half.path) == ("missing_value", "value")


def test_a_customer_is_its_account():
    document = {
        "mapping": 1, "record": "customer", "connection": "erp", "zone": "Asia/Shanghai",
        "account": "key", "observations": [{"kind": "snapshot", "set": {"name": {"path": "n"}}}],
    }  # fmt: skip
    found = mapping.compile(document).drafts({"key": "Cancity", "n": "Cancity Ltd"})
    assert (found[0].id, found[0].record) == ("Cancity", "customer")
    assert found[0].fields == {"account": "Cancity", "name": "Cancity Ltd"}


@pytest.mark.parametrize(
    ("fields", "item", "reason"),
    [
        ({}, {"no": ""}, "no_record_id"),
        ({}, {"no": "x" * 201}, "no_record_id"),
        ({"starts_on": {"path": "s"}}, {"s": "31.02.2026"}, "bad_time"),
        (
            {"starts_on": {"path": "s"}, "ends_on": {"path": "e"}},
            {"s": "2026-02-02", "e": "2026-02-01"},
            "bad_date",
        ),
        ({"contract_kind": {"path": "k", "lookup": "kinds"}}, {"k": "Y"}, "unknown_contract_kind"),
        ({"contract_kind": {"path": "k", "lookup": "kinds"}}, {"k": "X"}, "bad_value"),
        ({"annual_fee": {"path": "f"}}, {"f": "-1"}, "amount_out_of_range"),
    ],
)
def test_what_an_item_cannot_be_used_for_is_named(fields, item, reason):
    assert read(contract(**fields), **item).reason == reason


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"record": "invoice"}, "record"),
        ({"record": "collection"}, "contract"),  # its id is called collection
        ({"contract": None}, "contract"),
        ({"pipeline": {"code": "sales"}}, "pipeline"),
        ({"currency": None}, "currency"),
        ({"deals": "No"}, "deals"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_its_place(changes, place):
    assert refused({**contract(), **changes}) == place


@pytest.mark.parametrize(
    ("field", "rule", "place"),
    [
        ("stage", {"value": "won"}, "stage"),
        ("contract_kind", {"value": "other"}, "contract_kind.value"),
        ("starts_on", {"value": "2026-02-30"}, "starts_on.value"),
        ("starts_on", {"path": "s", "lookup": "kinds"}, "starts_on.lookup"),
        ("starts_on", {"path": "s", "format": "%d", "unit": "s"}, "starts_on"),
        ("schedule", {"due_on": "d", "amount": "a"}, "schedule"),
        ("schedule", {"path": "p", "lines": [{"due_on": "d", "amount": "a"}]}, "schedule"),
        ("schedule", {"path": "p", "due_on": "d"}, "schedule.amount"),
        ("schedule", {"lines": []}, "schedule.lines"),
        ("schedule", {"lines": [{"due_on": "d"}]}, "schedule.lines[0].amount"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_its_place(field, rule, place):
    assert refused(contract(**{field: rule})) == f"observations[0].set.{place}"


def test_notice_is_for_deals_alone():
    document = contract()
    document["observations"] = [{"kind": "notice"}]
    assert refused(document) == "observations[0].kind"


def test_a_document_of_before_is_of_deals():
    stages = [{"code": kind, "kind": kind} for kind in ("open", "won", "lost")]
    document = {
        "mapping": 1, "connection": "crm", "zone": "UTC", "deal": "id",
        "pipeline": {"code": "sales", "stages": stages},
        "observations": [{"kind": "delta", "set": {"stage": {"value": "won"}}}],
    }  # fmt: skip
    compiled = mapping.compile(document)
    assert (compiled.record, ID_FIELD[compiled.record]) == ("deal", "deal")
    assert mapping.compile({**document, "record": "deal"}).document == compiled.document
