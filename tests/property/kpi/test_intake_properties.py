from hypothesis import given
from hypothesis import strategies as st

from services.kpi.domain import intake
from services.kpi.domain.events import OBSERVATIONS
from services.kpi.domain.intake import Retraction
from services.kpi.domain.observation import Draft, Pipeline, Stage, Unusable

PIPELINES = {"sales": Pipeline("sales", "Sales", (Stage("won", "Won", "won", 0),))}
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.decimals()
    | st.sampled_from(["won", "sales", "snapshot", "deleted", "2026-03-01T09:30:00Z", "10.50"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
names = [
    "deal",
    "contract",
    "collection",
    "activity",
    "account",
    "schedule",
    "ends_on",
    "minutes",
    "renews",
    "kind",
    "version",
    "pipeline",
    "stage",
    "amount",
    "currency",
    "owners",
    "owner",
]
data = st.dictionaries(st.sampled_from([*names, "product", "retracts"]), values, max_size=6)
events = st.fixed_dictionaries(
    {
        "id": st.just("e-1") | values,
        "type": st.sampled_from(OBSERVATIONS),
    },
    optional={"time": values, "source": values, "specversion": st.just("1.0"), "data": data},
)


@given(events | values)
def test_any_event_is_a_draft_a_retraction_or_a_reason(event):
    found = intake.read(
        event, pipelines=PIPELINES, default_currency="CNY", default_pipeline="sales"
    )
    assert isinstance(found, Draft | Retraction | Unusable)
    if isinstance(found, Draft):
        assert found.source == intake.key(event)
        assert found.fields.get("stage") in {None, "won"}
        assert (found.effective_at is None) is (found.precision == "unknown")
    if isinstance(intake.key(event), Unusable):
        assert found == intake.key(event)
