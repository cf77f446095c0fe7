"""Leaderboards: who may read them, ranks, ties, refusals."""

from typing import Any

import pytest

from services.kit import ids
from tests.support.desk import Desk


async def test_a_leaderboard_ranks_and_says_its_ties(desk: Desk) -> None:
    for owner, amount in (("ann", "50.00"), ("ben", "70.00"), ("cai", "50.00")):
        offset = await desk.sell(owner, amount, "2026-03-10T09:00:00+08:00")

    async def board(unit: str, **how: Any) -> list[tuple[int, str, str]]:
        found = await desk.ask(
            path="leaderboard", unit=unit, role="rep", member=desk.cai, min_offset=offset,
            **{"period": "2026-03", **how},
        )  # fmt: skip
        names = {id_: name for name, id_ in desk.company.members.items()}
        return [(r["rank"], names[r["member_id"]], r["value"]) for r in found["items"]]

    region = await board(desk.region)
    assert region[0] == (1, "ben", "70.00")
    assert sorted(region[1:3]) == [(2, "ann", "50.00"), (2, "cai", "50.00")]
    assert region[3] == (4, "boss", "0.00")
    assert await board(desk.south) == [(1, "cai", "50.00")]
    assert len(await board(desk.region, limit=2)) == 2
    rates = await board(desk.region, metric="win_rate")
    assert [row[0] for row in rates] == [1, 1, 1], "whoever closed nothing has no rate"
    assert (await board(desk.region, metric="refunded"))[0][0] == 1


@pytest.mark.parametrize(("how", "status", "code"), [
    ({"metric": "nothing"}, 422, "metric_unknown"),
    ({"unit": ids.new()}, 404, "not_found"),
    ({"unit": "north"}, 422, "invalid"),
    ({"as_of": "2026-03-01T00:00:00Z"}, 422, "as_of_unsupported"),
    ({"period": "2026-13"}, 422, "period_invalid"),
    ({"limit": 101}, 422, "invalid"),
])  # fmt: skip
async def test_what_a_leaderboard_refuses(desk: Desk, how: Any, status: int, code: str) -> None:
    answer = await desk.kpi.client.get(
        "/kpi/v1/leaderboard", headers=desk.kpi.token(desk.company.tenant),
        params={"unit": desk.north, "period": "2026-03", "metric": "sales", **how},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (status, code)
