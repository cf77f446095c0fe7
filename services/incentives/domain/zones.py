"""The business day of an instant, by the time zone that was in force on it.

A tenant's zones are dated. The first one holds for everything before it, and where none is known
yet, days are those of UTC.

>>> zones = Zones([(date(2026, 1, 1), "Asia/Shanghai"), (date(2026, 7, 1), "UTC")])
>>> print(zones.day_of(datetime(2026, 3, 31, 17, tzinfo=UTC)))
2026-04-01
>>> print(zones.day_of(datetime(2026, 7, 31, 17, tzinfo=UTC)))
2026-07-31
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from services.kit.period import business_day


class Zones:
    def __init__(self, dated: Iterable[tuple[date, str]]) -> None:
        self._dated = [(day, ZoneInfo(zone)) for day, zone in sorted(dated)]

    def day_of(self, instant: datetime) -> date:
        """The date on the tenant's wall; `instant` has an offset."""
        instant = instant.astimezone(UTC)
        zone = self._dated[0][1] if self._dated else ZoneInfo("UTC")
        for starts_on, candidate in self._dated[1:]:
            if business_day(instant, candidate) >= starts_on:
                zone = candidate
        return business_day(instant, zone)
