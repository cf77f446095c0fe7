"""A time counts by its instant: the log's years are those of UTC."""

from zoneinfo import ZoneInfo

import pytest

from services.kit.period import business_day
from services.kpi.domain.mapping.times import compile_at
from services.kpi.domain.wire import Unfit

SHANGHAI, ANCHORAGE = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/Anchorage")


def reader(zone):
    return compile_at({"path": "on", "unit": None, "format": None}, zone, "at")


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (SHANGHAI, "1900-01-01"),  # the first day of many a spreadsheet
        (SHANGHAI, "1900-01-01T05:00:00"),
        (SHANGHAI, "1900-01-01T05:00:00+08:00"),
        (ANCHORAGE, "2200-12-31T23:00:00"),
    ],
)
def test_a_time_before_or_after_all_business_days_is_refused(zone, text):
    with pytest.raises(Unfit):
        reader(zone)({"on": text})


@pytest.mark.parametrize("text", ["1900-01-02", "2200-12-31", "1900-01-01T12:00:00"])
def test_a_time_that_is_read_has_a_business_day(text):
    instant, _ = reader(SHANGHAI)({"on": text})
    assert business_day(instant, SHANGHAI).isoformat() == text[:10]
