"""The mapping document: what it refuses with which place, and what it makes of an item."""

import copy
import doctest
import importlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.kit import limits
from services.kit.errors import TooLarge
from services.kpi.domain import mapping
from services.kpi.domain.mapping import MappingInvalid
from services.kpi.domain.observation import Pipeline, Stage, Unusable

MODULES = ["wire", "mapping", "mapping.times"]


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"services.kpi.domain.{name}"))
    assert failed == 0
    assert attempted > 0


def document(**changes):
    base = {
        "mapping": 1,
        "tenant": "acme",
        "connection": "crm",
        "zone": "America/New_York",
        "currency": "USD",
        "pipeline": {
            "code": "sales",
            "stages": [
                {"code": "new", "name": "New", "kind": "open"},
                {"code": "won", "kind": "won"},
                {"code": "lost", "kind": "lost"},
            ],
        },
        "deal": "id",
        "lookups": {"stages": {"Won": "won", 7: "lost"}, "products": {"GTXPro": "GTX Pro"}},
        "observations": [{"kind": "delta", "set": {"stage": {"value": "new"}}}],
    }
    return {**copy.deepcopy(base), **changes}


def setting(entry=None, **fields):
    return [{"kind": "delta", **(entry or {}), "set": fields}]


def one(item, entry=None, *, top=None, **fields):
    """The only draft of an item, or why there is none."""
    compiled = mapping.compile(document(**(top or {}), observations=setting(entry, **fields)))
    found = compiled.drafts({"id": "D-1", **item} if isinstance(item, dict) else item)
    return found if isinstance(found, Unusable) else found[0]


STAGE = {"value": "new"}


def test_a_document_becomes_a_pipeline_and_names():
    compiled = mapping.compile(document())
    assert compiled.pipeline == Pipeline(
        "sales",
        "sales",
        (
            Stage("new", "New", "open", 0),
            Stage("won", "won", "won", 1),
            Stage("lost", "lost", "lost", 2),
        ),
    )
    assert (compiled.tenant, compiled.connection, compiled.currency) == ("acme", "crm", "USD")
    assert compiled.zone.key == "America/New_York"
    assert compiled.keyed is False


def test_the_canonical_document_has_every_default_and_compiles_to_itself():
    canonical = mapping.compile(document()).document
    assert canonical["money_unit"] == "major"
    assert canonical["owners"] == "crm"
    assert canonical["lookups"]["stages"] == {"7": "lost", "Won": "won"}
    assert canonical["observations"][0]["when"] == []
    assert mapping.compile(canonical).document == canonical
    spelt_out = document(money_unit="major", owners="crm", items=None)
    assert mapping.compile(spelt_out).document == canonical


def changed(path, value):
    """The document with one place changed; `path` is a list of keys and positions."""
    result = document(
        observations=[
            {
                "kind": "delta",
                "when": [{"path": "a", "exists": True}],
                "at": {"path": "on", "format": "%Y-%m-%d"},
                "set": {"stage": {"path": "s", "lookup": "stages"}, "amount": {"path": "v"}},
            }
        ]
    )
    place = result
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


OBS = ["observations", 0]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["mapping"], 2, "mapping"),
        (["mapping"], True, "mapping"),
        (["mapping"], KeyError, "mapping"),
        (["zone"], "Mars/Olympus", "zone"),
        (["zone"], "America", "zone"),
        (["zone"], "../etc/passwd", "zone"),
        (["zone"], None, "zone"),
        (["currency"], "XXX", "currency"),
        (["currency"], "usd", "currency"),
        (["currency"], None, "currency"),
        (["currency"], {"path": "a["}, "currency.path"),
        (["currency"], {"paht": "a"}, "currency.paht"),
        (["money_unit"], "cents", "money_unit"),
        (["tenant"], "Maven Inc", "tenant"),
        (["connection"], "a:b", "connection"),
        (["owners"], 5, "owners"),
        (["deal"], KeyError, "deal"),
        (["deal"], "a[", "deal"),
        (["deal"], "to_number(a)", "deal"),
        (["deal"], "nosuch(a)", "deal"),
        (["deal"], "[@,@][] | [@,@][] | [@,@][]", "deal"),
        (["deal"], "a" * 257, "deal"),
        (["items"], "sum(a)", "items"),
        (["key"], "||", "key"),
        (["source"], "", "source"),
        (["colour"], "red", "colour"),
        (["lookups"], [], "lookups"),
        (["lookups", "stages", "Won"], "wno", "lookups.stages.Won"),
        (["lookups", "stages", True], "won", "lookups.stages"),
        (["lookups", "stages", "7"], "won", "lookups.stages"),
        (["lookups", "products"], {}, "lookups.products"),
        (["lookups", "products", "GTXPro"], None, "lookups.products.GTXPro"),
        (["pipeline"], None, "pipeline"),
        (["pipeline", "code"], "sales pipeline", "pipeline.code"),
        (["pipeline", "stages"], [], "pipeline.stages"),
        (["pipeline", "stages", 0, "colour"], "red", "pipeline.stages[0].colour"),
        (["pipeline", "stages", 0, "code"], 1, "pipeline.stages[0].code"),
        (["pipeline", "stages", 0, "code"], "won", "pipeline.stages[1].code"),
        (["pipeline", "stages", 0, "kind"], "opened", "pipeline.stages[0].kind"),
        (["pipeline", "stages", 1, "kind"], "lost", "pipeline.stages"),
        (["pipeline", "stages", 2, "kind"], "won", "pipeline.stages"),
        (["observations"], [], "observations"),
        (["observations"], {"kind": "delta"}, "observations"),
        ([*OBS, "kind"], "created", "observations[0].kind"),
        ([*OBS, "kind"], "notice", "observations[0].set"),
        ([*OBS, "set"], {}, "observations[0].set"),
        ([*OBS, "then"], [], "observations[0].then"),
        ([*OBS, "version"], "a.", "observations[0].version"),
        ([*OBS, "when", 0, "eq"], "x", "observations[0].when[0]"),
        ([*OBS, "when", 0], {"path": "a"}, "observations[0].when[0]"),
        ([*OBS, "when", 0], {"path": "a", "exists": "yes"}, "observations[0].when[0].exists"),
        ([*OBS, "when", 0], {"path": "a", "eq": ""}, "observations[0].when[0].eq"),
        ([*OBS, "when", 0], {"path": "a", "in": []}, "observations[0].when[0].in"),
        ([*OBS, "when", 0], {"path": "a", "in": [{}]}, "observations[0].when[0].in[0]"),
        ([*OBS, "when", 0], {"path": "a[", "in": [1]}, "observations[0].when[0].path"),
        ([*OBS, "at", "path"], "a[", "observations[0].at.path"),
        ([*OBS, "at", "unit"], "ms", "observations[0].at"),
        ([*OBS, "at", "format"], "%d/%m", "observations[0].at.format"),
        ([*OBS, "at", "format"], "%Y-%m-%d %I:%M", "observations[0].at.format"),
        ([*OBS, "at", "format"], "%Y-%m-%d %Q", "observations[0].at.format"),
        ([*OBS, "at", "format"], "%Y-%m-%d %H:%M %Z", "observations[0].at.format"),
        ([*OBS, "at"], {"path": "on", "unit": "minutes"}, "observations[0].at.unit"),
        ([*OBS, "set", "colour"], STAGE, "observations[0].set.colour"),
        ([*OBS, "set", "pipeline"], STAGE, "observations[0].set.pipeline"),
        ([*OBS, "set", "stage"], {"value": "nwe"}, "observations[0].set.stage.value"),
        ([*OBS, "set", "stage"], {"value": True}, "observations[0].set.stage.value"),
        ([*OBS, "set", "stage", "lookup"], "stagse", "observations[0].set.stage.lookup"),
        ([*OBS, "set", "stage", "otherwise"], "drop", "observations[0].set.stage.otherwise"),
        ([*OBS, "set", "stage", "missing"], "empty", "observations[0].set.stage.missing"),
        ([*OBS, "set", "stage", "path"], "a b", "observations[0].set.stage.path"),
        ([*OBS, "set", "stage", "owner"], "a", "observations[0].set.stage.owner"),
        ([*OBS, "set", "amount", "lookup"], "stages", "observations[0].set.amount.lookup"),
        ([*OBS, "set", "amount"], {"value": "1.005"}, "observations[0].set.amount.value"),
        ([*OBS, "set", "product"], {"path": "p", "otherwise": "keep"}, "observations[0].set.product.otherwise"),
        ([*OBS, "set", "product"], {"value": "x" * 201}, "observations[0].set.product.value"),
        ([*OBS, "set", "owners"], {"path": "o", "share_bp": "s"}, "observations[0].set.owners.share_bp"),
    ],
)  # fmt: skip
def test_a_document_is_refused_with_the_place(path, value, place):
    with pytest.raises(MappingInvalid) as refused:
        mapping.compile(changed(path, value))
    assert refused.value.path == place
    assert refused.value.message.startswith(f"{place}: ")
    assert (refused.value.code, refused.value.status) == ("mapping_invalid", 422)


def test_the_document_that_those_changes_start_from_is_good():
    assert mapping.compile(changed(["tenant"], "maven")).tenant == "maven"


@pytest.mark.parametrize("value", [None, [], "mapping: 1", 1])
def test_what_is_no_document_is_refused(value):
    with pytest.raises(MappingInvalid):
        mapping.compile(value)


# Items, keys, sources


@pytest.mark.parametrize(
    ("items", "body", "found"),
    [
        (None, [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
        (None, {"id": 1}, [{"id": 1}]),
        ("data.rows", {"data": {"rows": [{"id": 1}]}}, [{"id": 1}]),
        ("data.rows", {"data": {"rows": []}}, []),
        ("data.rows", {"data": {"rows": {"id": 1}}}, [{"id": 1}]),
        ("data.rows", {"other": 1}, [{"other": 1}]),
        ("keys(data)", {"data": 5}, [{"data": 5}]),
        (None, None, [None]),
    ],
)
def test_the_items_of_a_delivery(items, body, found):
    assert mapping.compile(document(items=items)).items(body) == found


def test_too_many_items_are_refused():
    compiled = mapping.compile(document())
    assert len(compiled.items([{}] * limits.ARRAY_ITEMS)) == limits.ARRAY_ITEMS
    with pytest.raises(TooLarge):
        compiled.items([{}] * (limits.ARRAY_ITEMS + 1))


def test_the_key_is_declared_or_a_hash_of_the_content():
    compiled = mapping.compile(document(key="meta.id"))
    assert compiled.keyed is True
    assert compiled.key({"meta": {"id": "e-1"}}) == "e-1"
    assert compiled.key({"meta": {"id": 17}}) == "17"
    hashed = compiled.key({"a": Decimal("1.50"), "b": 2})
    assert hashed.startswith("sha256:")
    assert hashed == compiled.key({"b": 2, "a": Decimal("1.5")})
    assert hashed != compiled.key({"b": 2, "a": Decimal("1.6")})
    long_key = compiled.key({"meta": {"id": "x" * 201}})
    assert len(long_key) < 100
    assert long_key != compiled.key({"meta": {"id": "x" * 202}})


def test_the_source_is_declared_or_the_key():
    item = {"id": "D-1", "row": "r-9"}
    (draft,) = mapping.compile(document(source="row")).drafts(item)
    assert draft.source == "r-9"
    compiled = mapping.compile(document())
    assert compiled.drafts(item)[0].source == compiled.key(item)
    assert compiled.drafts(item, key="vendor-1")[0].source == "vendor-1"


# When and at


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"exists": True}, "x", True),
        ({"exists": True}, 0, True),
        ({"exists": True}, False, True),
        ({"exists": True}, "", False),
        ({"exists": True}, None, False),
        ({"exists": False}, "", True),
        ({"exists": False}, "x", False),
        ({"eq": "won"}, "won", True),
        ({"eq": "won"}, "Won", False),
        ({"eq": 5}, "5", True),
        ({"eq": "5"}, Decimal("5.0"), True),
        ({"eq": True}, True, True),
        ({"eq": True}, 1, False),
        ({"eq": 0.1}, Decimal("0.1"), True),
        ({"eq": "x"}, ["x"], False),
        ({"eq": "None"}, None, False),
        ({"in": ["a", 2]}, 2, True),
        ({"in": ["a", 2]}, "b", False),
        ({"in": ["a"]}, {"a": 1}, False),
    ],
)
def test_a_condition_compares_as_text(condition, value, holds):
    entry = {"kind": "notice", "when": [{"path": "x.y", **condition}]}
    compiled = mapping.compile(document(observations=[entry]))
    assert len(compiled.drafts({"id": "D-1", "x": {"y": value}})) == holds


def test_entries_that_hold_give_observations_in_order():
    entries = [
        {"kind": "delta", "when": [{"path": "a", "exists": True}], "set": {"stage": STAGE}},
        {"kind": "notice", "when": [{"path": "b", "exists": True}]},
        {"kind": "deleted", "when": [{"path": "c", "eq": 1}, {"path": "a", "exists": True}]},
    ]
    compiled = mapping.compile(document(observations=entries))
    both = compiled.drafts({"id": "D-1", "a": "x", "c": 1})
    assert [(draft.kind, draft.ordinal) for draft in both] == [("delta", 0), ("deleted", 2)]
    assert both[1].fields == {}
    assert compiled.drafts({"unrelated": "contact"}) == []


@pytest.mark.parametrize(
    ("at", "value", "moment", "precision"),
    [
        ({}, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00", "instant"),
        ({}, "2026-03-01T10:00:00+08:00", "2026-03-01T02:00:00", "instant"),
        ({}, "2026-03-01 10:00:00.123456", "2026-03-01T15:00:00.123456", "instant"),
        ({}, "2026-03-01", "2026-03-01T05:00:00", "day"),
        ({}, "2026-07-01", "2026-07-01T04:00:00", "day"),
        ({"format": "%m/%d/%Y"}, "3/1/2017", "2017-03-01T05:00:00", "day"),
        ({"format": "%d.%m.%Y %H:%M"}, "01.07.2026 09:30", "2026-07-01T13:30:00", "instant"),
        ({"format": "%Y-%m-%dT%H:%M:%S%z"}, "2026-07-01T09:30:00+0200", "2026-07-01T07:30:00", "instant"),
        ({"format": "%m/%d/%Y %I:%M %p"}, "7/1/2026 1:30 PM", "2026-07-01T17:30:00", "instant"),
        ({"unit": "ms"}, 1693657560123, "2023-09-02T12:26:00.123", "instant"),
        ({"unit": "ms"}, "1693657560123", "2023-09-02T12:26:00.123", "instant"),
        ({"unit": "s"}, Decimal("1693657560.123456"), "2023-09-02T12:26:00.123456", "instant"),
        ({"unit": "s"}, -1, "1969-12-31T23:59:59", "instant"),
        ({}, "2026-03-08T02:30:00", "2026-03-08T07:30:00", "instant"),  # the clocks jumped over it
        ({}, "2026-11-01T01:30:00", "2026-11-01T05:30:00", "instant"),  # twice: the first
    ],
)  # fmt: skip
def test_a_time_is_read_in_the_zone(at, value, moment, precision):
    draft = one({"on": value}, {"at": {"path": "on", **at}}, stage=STAGE)
    assert draft.effective_at == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert draft.precision == precision


@pytest.mark.parametrize("item", [{}, {"on": ""}, {"on": None}])
def test_without_a_time_it_is_unknown(item):
    for entry in ({"at": {"path": "on"}}, {"at": {"path": "on", "unit": "ms"}}, {}):
        draft = one(item, entry, stage=STAGE)
        assert (draft.effective_at, draft.precision) == (None, "unknown")


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ({}, "yesterday"),
        ({}, "2026-02-30"),
        ({}, "2026-02-30T10:00:00Z"),
        ({}, 1693657560123),
        ({}, "0001-01-01"),
        ({}, "1899-12-31T23:00:00Z"),
        ({}, "2201-01-01T00:00:00"),
        ({"unit": "s"}, 10**10),
        ({}, "9999-12-31T23:59:59-12:00"),
        ({}, ["2026-01-01"]),
        ({}, "2026-01-01T10:00:00Z" + " " * 100),
        ({"format": "%m/%d/%Y"}, "13/1/2017"),
        ({"format": "%m/%d/%Y"}, "2017-03-01"),
        ({"format": "%m/%d/%Y"}, "3/1/0017"),
        ({"unit": "ms"}, "2026-01-01"),
        ({"unit": "ms"}, True),
        ({"unit": "ms"}, 10**18),
        ({"unit": "s"}, 1693657560123),
        ({"unit": "s"}, "NaN"),
        ({"unit": "s"}, "１２"),
    ],
)
def test_a_bad_time_names_the_value_and_its_path(at, value):
    found = one({"on": value}, {"at": {"path": "on", **at}}, stage=STAGE)
    assert (found.reason, found.path) == ("bad_time", "on")
    assert len(found.message) < 150


@pytest.mark.parametrize(
    ("value", "version"), [(7, 7), ("8", 8), (None, 0), ("", 0), (2**63 - 1, 2**63 - 1)]
)
def test_a_version_is_a_whole_number(value, version):
    assert one({"v": value}, {"version": "v"}, stage=STAGE).version == version


@pytest.mark.parametrize("value", [-1, 2**63, "1.5", Decimal("1.5"), True, "x", [1]])
def test_another_version_is_unusable(value):
    assert one({"v": value}, {"version": "v"}, stage=STAGE).reason == "bad_version"


# Fields


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ({}, "new", "new"),
        ({"lookup": "stages"}, "Won", "won"),
        ({"lookup": "stages"}, 7, "lost"),
        ({"lookup": "stages"}, "7", "lost"),
        ({"lookup": "stages", "otherwise": "keep"}, "new", "new"),
        ({"lookup": "stages", "otherwise": "empty"}, "Whatever", None),
        ({}, "", None),
    ],
)
def test_a_stage_is_looked_up(rule, value, expected):
    draft = one({"s": value}, stage={"path": "s", **rule}, product={"value": "x"})
    assert draft.fields.get("stage") == expected
    assert draft.fields["pipeline"] == "sales"


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({}, "Negotiation"),
        ({"lookup": "stages"}, "Negotiation"),
        ({"lookup": "stages"}, "won"),
        ({"lookup": "stages", "otherwise": "keep"}, "Negotiation"),
    ],
)
def test_an_unknown_stage_says_what_would_release_it(rule, value):
    found = one({"s": value}, stage={"path": "s", **rule})
    assert found == Unusable(
        "unknown_stage",
        f"the stage {value!r} is not mapped in the pipeline sales",
        "s",
        f"stage:sales:{value}",
    )


@pytest.mark.parametrize(
    ("unit", "currency", "value", "minor"),
    [
        ("major", "USD", "1054", 105_400),
        ("major", "USD", Decimal("1054.5"), 105_450),
        ("major", "USD", 0, 0),
        ("major", "JPY", "1054", 1_054),
        ("major", "KWD", "0.001", 1),
        ("minor", "USD", 100_000, 100_000),
        ("minor", "USD", "100000", 100_000),
        ("micros", "USD", 1_230_000, 123),
        ("major", "USD", "10000000000000.00", 10**15),
    ],
)
def test_an_amount_is_exact(unit, currency, value, minor):
    top = {"money_unit": unit, "currency": currency}
    draft = one({"v": value}, top=top, amount={"path": "v"})
    assert draft.fields["amount"] == {"minor": minor, "currency": currency}
    assert type(draft.fields["amount"]["minor"]) is int


@pytest.mark.parametrize(
    ("unit", "value", "reason"),
    [
        ("major", "10.005", "bad_amount"),
        ("major", "1,054.00", "bad_amount"),
        ("major", "$5", "bad_amount"),
        ("major", "NaN", "bad_amount"),
        ("major", "Infinity", "bad_amount"),
        ("major", True, "bad_amount"),
        ("major", 10.5, "bad_amount"),
        ("major", [1], "bad_amount"),
        ("minor", "10.5", "bad_amount"),
        ("micros", 1_230_001, "bad_amount"),
        ("major", "-1", "amount_out_of_range"),
        ("major", "10000000000000.01", "amount_out_of_range"),
        ("minor", 10**15 + 1, "amount_out_of_range"),
        ("major", "1E25", "amount_out_of_range"),
        ("major", Decimal("1E+999999"), "amount_out_of_range"),
        ("micros", 10**20, "amount_out_of_range"),
    ],
)
def test_an_amount_that_is_not_exact_or_out_of_range_is_unusable(unit, value, reason):
    found = one({"v": value}, top={"money_unit": unit}, amount={"path": "v"})
    assert (found.reason, found.path) == (reason, "v")


def test_a_float_out_of_an_expression_is_no_amount():
    found = one({"a": ""}, amount={"path": "a || `0.1`"})
    assert found.reason == "bad_amount"


@pytest.mark.parametrize("value", ["usd", "XXX", "", None, 5, ["USD"]])
def test_a_missing_or_unknown_currency_is_never_assumed(value):
    top = {"currency": {"path": "cur"}}
    assert one({"v": 1, "cur": value}, top=top, amount={"path": "v"}).reason == "unknown_currency"
    assert one({"v": "", "cur": value}, top=top, amount={"path": "v"}, stage=STAGE).fields == {
        "pipeline": "sales",
        "stage": "new",
    }


def test_a_currency_is_read_from_the_item():
    draft = one(
        {"v": 1, "m": {"cur": "CNY"}}, top={"currency": {"path": "m.cur"}}, amount={"path": "v"}
    )
    assert draft.fields["amount"] == {"minor": 100, "currency": "CNY"}


def test_owners_get_the_namespace():
    draft = one({"o": "Moses Frase"}, owners={"path": "o"})
    assert draft.fields["owners"] == [{"owner": "crm:Moses Frase", "share_bp": 10_000}]
    draft = one({"o": 42}, top={"owners": "hubspot"}, owners={"path": "o"})
    assert draft.fields["owners"][0]["owner"] == "hubspot:42"


SPLIT = {"path": "team", "owner": "user.id", "share_bp": "bp"}


def member(ref, share):
    return {"user": {"id": ref}, "bp": share}


def test_owners_are_split_in_basis_points():
    draft = one({"team": [member("a", 6_000), member(7, 4_000)]}, owners=SPLIT)
    assert draft.fields["owners"] == [
        {"owner": "crm:a", "share_bp": 6_000},
        {"owner": "crm:7", "share_bp": 4_000},
    ]


@pytest.mark.parametrize(
    "team",
    [
        [member("a", 5_000)],
        [member("a", 6_000), member("b", 5_000)],
        [member("a", 11_000), member("b", -1_000)],
        [member("a", 10_000), member("b", 0)],
        [member("a", "10000")],
        [member("a", True)],
        [member("a", 5_000), member("a", 5_000)],
        [member("", 5_000), member("b", 5_000)],
        [{"bp": 10_000}],
        [5],
        {"user": {"id": "a"}},
        [member(str(n), 99) for n in range(101)],
    ],
)
def test_owner_shares_must_make_the_whole(team):
    assert one({"team": team}, owners=SPLIT).reason == "bad_owner_shares"


def test_several_owners_without_shares_are_not_guessed():
    rule = {"path": "team", "owner": "id"}
    assert one({"team": [{"id": "a"}]}, owners=rule).fields["owners"][0]["share_bp"] == 10_000
    assert one({"team": [{"id": "a"}, {"id": "b"}]}, owners=rule).reason == "bad_owner_shares"


def test_texts_are_kept_looked_up_or_refused():
    rule = {"path": "p", "lookup": "products"}
    assert one({"p": "GTXPro"}, product=rule).fields["product"] == "GTX Pro"
    keeping = {**rule, "otherwise": "keep"}
    assert one({"p": "MG Special"}, product=keeping).fields["product"] == "MG Special"
    found = one({"p": "MG Special"}, product=rule)
    assert (found.reason, found.waits_for) == ("unknown_product", "product:MG Special")
    assert one({"p": 12}, channel={"path": "p"}).fields["channel"] == "12"


@pytest.mark.parametrize("value", [True, {"a": 1}, ["x"], "x" * 201, "a\0b"])
def test_what_is_no_short_text_is_unusable(value):
    found = one({"p": value}, account={"path": "p"})
    assert (found.reason, found.path) == ("bad_value", "p")


@pytest.mark.parametrize("value", ["", None])
def test_a_missing_value_is_skipped_emptied_or_refused(value):
    fields = {"account": "account", "amount": "amount", "owners": "owners"}
    item = dict.fromkeys(fields, value)
    assert one(item, **{f: {"path": p} for f, p in fields.items()}).fields == {"pipeline": "sales"}
    emptied = one(item, **{f: {"path": p, "missing": "empty"} for f, p in fields.items()})
    assert emptied.fields == {"pipeline": "sales", "account": None, "amount": None, "owners": []}
    refused = one(item, account={"path": "account", "missing": "refuse"})
    assert (refused.reason, refused.path) == ("missing_value", "account")


def test_constants_are_set():
    top = {"currency": {"path": "cur"}}
    draft = one(
        {"cur": "JPY"},
        top=top,
        stage={"value": "won"},
        amount={"value": 100},
        owners={"value": "house"},
        channel={"value": "web"},
    )
    assert draft.fields == {
        "pipeline": "sales",
        "stage": "won",
        "amount": {"minor": 100, "currency": "JPY"},
        "owners": [{"owner": "crm:house", "share_bp": 10_000}],
        "channel": "web",
    }


@pytest.mark.parametrize("value", ["", None, [], {}, True, "x" * 201])
def test_without_a_deal_there_is_no_observation(value):
    found = one({"id": value}, stage=STAGE)
    assert (found.reason, found.path) == ("no_deal_id", "id")


@pytest.mark.parametrize("item", [None, 5, "deal", True, Decimal(1)])
def test_an_item_that_is_no_object_is_unusable(item):
    assert one(item, stage=STAGE).reason == "bad_item"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("x", "a"),
        ('"Close Date"', "b"),
        ("deep.er.path", "c"),
        ("list[0].n", "d"),
        ("list[?n=='e'] | [0].n", "e"),
        ("join('-', list[].n)", "d-e"),
        ("not_null(nothing, x)", "a"),
        ("join(':', [to_string(portal), to_string(rate), x])", "62515:1.5:a"),
    ],
)
def test_paths_short_and_long_find_their_value(path, value):
    item = {
        "x": "a",
        "portal": 62515,
        "rate": Decimal("1.50"),
        "Close Date": "b",
        "deep": {"er": {"path": "c"}},
        "list": [{"n": "d"}, {"n": "e"}],
    }
    assert one(item, account={"path": path}).fields["account"] == value


@pytest.mark.parametrize(
    "path", ["keys(n)", "sort(mixed)", "mixed[?@ > 'a']", "join('-', mixed)", "length(n)"]
)
def test_an_expression_that_cannot_be_applied_is_unusable(path):
    item = {"n": 5, "mixed": [1, "a", Decimal(1)]}
    assert one(item, account={"path": path}).reason == "bad_value"
