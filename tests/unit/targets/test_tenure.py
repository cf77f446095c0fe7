from datetime import date

import pytest

from services.targets.domain.tenure import tenure_months


@pytest.mark.parametrize(
    ("joined", "left", "on", "months"),
    [
        ("2026-01-15", None, "2026-01-14", 0),
        ("2026-01-15", None, "2026-01-15", 0),
        ("2026-01-15", None, "2026-02-14", 0),
        ("2026-01-15", None, "2026-02-15", 1),
        ("2026-01-31", None, "2026-02-27", 0),
        ("2026-01-31", None, "2026-02-28", 1),
        ("2026-01-31", None, "2026-03-30", 1),
        ("2024-02-29", None, "2025-02-28", 12),
        ("2020-11-23", None, "2026-11-23", 72),
        ("2026-01-15", "2026-03-15", "2026-12-01", 2),
        ("2026-01-15", "2026-03-14", "2026-12-01", 1),
        ("2026-01-15", "2026-12-01", "2026-02-20", 1),
    ],
)
def test_complete_months(joined, left, on, months):
    days = [day and date.fromisoformat(day) for day in (joined, left, on)]
    assert tenure_months(*days) == months
