from datetime import UTC
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain import mapping
from services.kpi.domain.observation import Draft, Unusable

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.decimals()
    | st.sampled_from(
        ["won", "lost", "2026-03-08T02:30:00", "3/1/2017", "USD", "1E999999999", "-1"]
    )
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)
names = ["id", "key", "src", "a", "on", "ms", "v", "stage", "cur", "amount", "owner", "team", "p"]
items = json_values | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(names, scalars | json_values)
)
EVERYTHING = mapping.compile(
    {
        "mapping": 1,
        "connection": "crm",
        "zone": "America/New_York",
        "currency": {"path": "cur"},
        "pipeline": {
            "code": "sales",
            "stages": [
                {"code": "new", "kind": "open"},
                {"code": "won", "kind": "won"},
                {"code": "lost", "kind": "lost"},
            ],
        },
        "items": "team[].p",
        "key": "key",
        "source": "join('-', [src, key])",
        "deal": "id",
        "lookups": {"stages": {"won": "won", "true": "new"}},
        "observations": [
            {
                "kind": "delta",
                "when": [{"path": "a", "exists": True}],
                "at": {"path": "on"},
                "version": "v",
                "set": {
                    "stage": {"path": "stage", "lookup": "stages", "otherwise": "keep"},
                    "amount": {"path": "amount"},
                    "owners": {"path": "team", "owner": "owner", "share_bp": "v"},
                },
            },
            {
                "kind": "snapshot",
                "when": [{"path": "a", "in": ["x", 1]}],
                "at": {"path": "ms", "unit": "ms"},
                "set": {
                    "owners": {"path": "owner"},
                    "product": {"path": "sort(p)[0]", "missing": "empty"},
                },
            },
            {
                "kind": "delta",
                "at": {"path": "on", "format": "%m/%d/%Y"},
                "set": {"stage": {"value": "new"}, "account": {"path": "p"}},
            },
        ],
    }
)


@given(items)
def test_any_item_gives_sound_drafts_or_a_reason(item):
    found = EVERYTHING.drafts(item)
    if isinstance(found, Unusable):
        assert found.reason
        assert len(found.message) < 300
        return
    assert isinstance(item, dict | list)
    for draft in found:
        assert isinstance(draft, Draft)
        assert 0 < len(draft.id) <= 200
        assert 0 < len(draft.source) <= 200
        assert (draft.effective_at is None) is (draft.precision == "unknown")
        assert draft.effective_at is None or draft.effective_at.tzinfo is UTC
        sound(draft.fields)


def sound(fields):
    assert fields.get("stage") in {None, "new", "won", "lost"}
    amount = fields.get("amount")
    if amount is not None:
        assert type(amount["minor"]) is int
        assert 0 <= amount["minor"] <= 10**15
    if fields.get("owners"):
        assert sum(owner["share_bp"] for owner in fields["owners"]) == 10_000
        assert all(owner["owner"].startswith("crm:") for owner in fields["owners"])


@given(items)
def test_any_body_has_items_and_any_item_a_key(body):
    assert isinstance(EVERYTHING.items(body), list)
    key = EVERYTHING.key(body)
    assert 0 < len(key) <= 200
    assert "\0" not in key
    assert key == EVERYTHING.key(body)


@given(st.integers(0, 10**15), st.sampled_from([("USD", 2), ("JPY", 0), ("KWD", 3)]))
def test_an_amount_survives_every_spelling(minor, currency):
    code, decimals = currency
    value = Decimal(minor).scaleb(-decimals)
    for spelt in (value, str(value), format(value, "f")):
        (draft,) = EVERYTHING_BUT_SHORT.drafts({"id": "D", "cur": code, "amount": spelt})
        assert draft.fields["amount"] == {"minor": minor, "currency": code}


EVERYTHING_BUT_SHORT = mapping.compile(
    {
        **EVERYTHING.document,
        "observations": [{"kind": "delta", "set": {"amount": {"path": "amount"}}}],
    }
)


@given(
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from([*EVERYTHING.document, "code", "stages", "kind", "path"]), inner
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(sorted(EVERYTHING.document)),
)
def test_any_document_compiles_or_is_refused_with_a_place(value, key):
    try:
        compiled = mapping.compile({**EVERYTHING.document, key: value})
    except mapping.MappingInvalid as refused:
        place = refused.path
    else:
        place = key
        assert mapping.compile(compiled.document).document == compiled.document
    assert place.split(".")[0].split("[")[0] in EVERYTHING.document
