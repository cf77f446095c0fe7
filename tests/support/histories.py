"""Arbitrary deals for property tests: few values, so that ties and collisions are common."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from services.kit.organisation.whereabouts import Span, Whereabouts
from services.kpi.domain.transitions import Observed
from tests.support.deals import KINDS, cny, company, owners, seen, stage

FIRST_DAY = date(2026, 1, 1)
DAYS = [FIRST_DAY + timedelta(days=n) for n in range(10)]
MEMBERS = ("ann", "ben", "cai")
_times = st.none() | st.builds(
    lambda day, hour: f"{day}T{hour:02}:00", st.sampled_from(DAYS), st.sampled_from([1, 12])
)
_shares = st.one_of(
    st.just([]),
    st.sampled_from(MEMBERS).map(lambda member: owners((member, 10_000))),
    st.just(owners(("ann", 6_000), ("ben", 4_000))),
    st.just(owners(("cai", 3_334), ("ann", 3_333), ("ben", 3_333))),
)
_stages = st.sampled_from(sorted(KINDS)).map(stage) | st.just(stage("lead", pipeline="renewals"))
_fields = st.fixed_dictionaries(
    {},
    optional={
        "stage": _stages,
        "amount": st.none() | st.integers(0, 1_000).map(cny),
        "owners": _shares,
        "product": st.sampled_from([None, "disk"]),
        "channel": st.sampled_from([None, "partner"]),
    },
)
_kinds = st.sampled_from(
    ["delta", "delta", "delta", "delta", "snapshot", "deleted", "restored", "notice"]
)


@st.composite
def items(draw: Any, source: str) -> list[Observed]:
    """What one item said: an observation or two of its source."""
    found = []
    for ordinal in range(draw(st.sampled_from([1, 1, 1, 2]))):
        kind = draw(_kinds)
        fields = draw(_fields) if kind in {"delta", "snapshot"} else {}
        version = draw(st.integers(0, 1))
        at = draw(_times)
        found.append(seen(source, at, kind, **fields, version=version, ordinal=ordinal))
    return found


@st.composite
def deals(draw: Any, most: int = 6) -> list[list[Observed]]:
    """The items about one deal, each of a source of its own."""
    return [draw(items(f"s{n}")) for n in range(draw(st.integers(1, most)))]


_moving = st.sampled_from(DAYS).flatmap(
    lambda day: st.sampled_from([("north", "south"), ("south", "north")]).map(
        lambda units: [Span(units[0], DAYS[0], day), Span(units[1], day, None)]
    )
)
_standing = st.sampled_from(["north", "south"]).map(lambda unit: [Span(unit, DAYS[2], None)])
_shared = st.just([Span("north", DAYS[0], None, 6_000), Span("south", DAYS[0], None, 4_000)])
_placed = st.just([Span("region", DAYS[0], None)]) | st.sampled_from(DAYS).map(
    lambda day: [Span("region", DAYS[0], day), Span("south", day, None)]
)


@st.composite
def organisations(draw: Any) -> Whereabouts:
    """Everybody is somewhere below the region; teams move, and so do people."""
    memberships = {member: draw(_standing | _moving | _shared) for member in MEMBERS}
    return company(memberships, {"north": draw(_placed)})
