"""Targets as targets would state them to kpi."""

from collections.abc import Mapping
from typing import Any

from services.kit import ids
from services.kit.period import Calendar, Period


def target_set(
    owner: str, metric: str, cells: Mapping[str, int], *, plan: str | None = None,
    unit: str = "money", direction: str = "higher", currency: str | None = "CNY",
    kind: str = "member",
) -> tuple[str, str, Any]:  # fmt: skip
    """The fact of an owner's and metric's cells, by period code; iso_clipped, calendar years."""
    calendar = Calendar()
    periods = [Period.parse(code, calendar) for code in cells]
    return "target.set.v1", f"target:{owner}:{metric}", {
        "plan_id": plan or ids.new(), "plan_version": 1, "owner": {"kind": kind, "id": owner},
        "metric": metric, "unit": unit, "direction": direction,
        "currency": currency if unit == "money" else None,
        "cells": [
            {"id": ids.new(), "period": period.code, "first_on": period.first.isoformat(),
             "last_on": period.last.isoformat(), "floor": None, "target": cells[period.code],
             "stretch": None}
            for period in periods
        ],
    }  # fmt: skip
