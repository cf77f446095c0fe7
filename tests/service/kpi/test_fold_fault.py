"""A fault in folding one item holds that item, and blocks neither its batch nor its deal."""

from collections.abc import Sequence
from typing import Any

import pytest

from services.kpi.domain import transitions
from services.kpi.domain.transitions import Folded, Observed, State
from tests.support.kpi import running_kpi, stage


async def test_the_faulty_item_waits_and_the_others_count(
    kpi_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = transitions.fold

    def faulty(state: State, new: Sequence[Observed], *more: Any, **how: Any) -> Folded:
        if any(seen.fields.get("product") == "cursed" for seen in new):
            raise ZeroDivisionError("a fault that nobody foresaw")
        return sound(state, new, *more, **how)

    def item(deal: str, product: str, day: int) -> dict[str, Any]:
        at = f"2026-01-{day:02}T09:00:00+08:00"
        return {"deal": deal, "at": at, "stage": "lead", "owner": "ann", "product": product}

    async with running_kpi(kpi_url) as kpi:
        company = await kpi.company()
        await kpi.connect(company)
        ann = company.members["ann"]
        monkeypatch.setattr(transitions, "fold", faulty)
        items = [item("D1", "plain", 5), item("D1", "cursed", 6), item("D2", "plain", 7)]
        answer = await kpi.deliver(items)
        assert answer.status_code == 202
        assert (answer.json()["accepted"], answer.json()["quarantined"]) == (2, 1)
        funnel = await kpi.funnel(company, ann, "2026-Q1", offset=answer.json()["offset"])
        assert (funnel["created"], stage(funnel, "lead")["open"]) == (2, 2)
        held = (await kpi.client.get("/kpi/v1/quarantine", headers=kpi.token("acme"))).json()
        assert [(entry["reason"], entry["item"]["product"]) for entry in held["items"]] == [
            ("fault", "cursed")
        ]
        monkeypatch.setattr(transitions, "fold", sound)
        released = await kpi.client.post(
            "/kpi/v1/quarantine/release",
            headers=kpi.token("acme"),
            json={"ids": [entry["id"] for entry in held["items"]]},
        )
        assert (released.json()["released"], released.json()["still_held"]) == (1, 0)
        cursed = await kpi.funnel(
            company, ann, "2026-Q1", offset=released.json()["offset"], product="cursed"
        )
        assert stage(cursed, "lead")["open"] == 1
