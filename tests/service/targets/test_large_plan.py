"""A company of 60 people in nine teams and three regions: a year down to everybody's weeks."""

import time

from tests.service.targets.conftest import member, unit

REGIONS, TEAMS, REPS = 3, 3, [7, 7, 7, 7, 7, 7, 6, 6, 6]
LONGEST_SECONDS = 5  # a couple on two quiet cores; more where the suite shares them


def company():
    units = [unit("company", manager="boss")]
    members = [member("boss")]
    for region in range(REGIONS):
        units.append(unit(f"r{region}", "company"))
        for number in range(TEAMS):
            team = f"t{region * TEAMS + number}"
            units.append(unit(team, f"r{region}"))
    for team, count in enumerate(REPS):
        members += [member(f"m{team}-{n}", f"t{team}") for n in range(count)]
    return {"units": units, "members": members}


def below(*names, owner):
    return {
        "of": "leaves", "owner_id": f"hr:{owner}", "axis": "organisation", "method": "weights",
        "parts": [{"owner_id": f"hr:{name}", "weight": str(3 + n % 4)}
                  for n, name in enumerate(names)],
    }  # fmt: skip


def splits():
    found = [below(*(f"r{n}" for n in range(REGIONS)), owner="company")]
    found += [below(*(f"t{r * TEAMS + n}" for n in range(TEAMS)), owner=f"r{r}")
              for r in range(REGIONS)]  # fmt: skip
    found += [below(*(f"m{t}-{n}" for n in range(count)), owner=f"t{t}")
              for t, count in enumerate(REPS)]  # fmt: skip
    time_ = {"of": "leaves", "axis": "time"}
    found.append(time_ | {"into": "quarter", "method": "shares",
                          "parts": [{"share_bp": bp} for bp in (2000, 2500, 2500, 3000)]})  # fmt: skip
    found += [time_ | {"into": level, "method": "calendar_days"} for level in ("month", "week")]
    return found


async def test_it_is_stored_and_activated_in_a_couple_of_seconds(world):
    await world.configure()
    await world.load(**company())
    await world.declare("sales")
    plan = (
        await world.post(
            "/plans",
            {"name": "2026", "metric": "sales", "owner_id": "hr:company", "period": "2026",
             "target": "100000000.00", "floor": "90000000.00", "stretch": "110000000.00"},
            status=201,
        )
    )["plan"]  # fmt: skip
    started = time.perf_counter()
    await world.post(f"/plans/{plan['id']}/splits", {"splits": splits()})
    await world.post(f"/plans/{plan['id']}/propose")
    await world.post(f"/plans/{plan['id']}/approve", {"override_reason": "decided"})
    answer = await world.post(f"/plans/{plan['id']}/activate")
    activated = time.perf_counter()
    assert activated - started < LONGEST_SECONDS
    assert answer["offset"] is not None
    told = [f["payload"] for f in await world.delivered() if f["type"] == "target.set.v1"]
    assert len(told) == 1 + 3 + 9 + 60
    assert sum(len(payload["cells"]) for payload in told) == 73 * (1 + 4 + 12 + 63)
    owners = {payload["owner"]["id"]: payload for payload in told}
    people = [p for p in owners.values() if p["owner"]["kind"] == "member"]
    total = {name: sum(cell[name] for p in people for cell in p["cells"] if cell["period"] == "2026")
             for name in ("floor", "target", "stretch")}  # fmt: skip
    assert total == {"floor": 9_000_000_000, "target": 10_000_000_000, "stretch": 11_000_000_000}
    params = {"owner": [f"hr:m{n}-0" for n in range(9)], "period": "2026-Q1", "children": "time"}
    board = await world.get("/targets", params=params)
    assert all(len(item["targets"][0]["children"]) == 3 for item in board["items"])
