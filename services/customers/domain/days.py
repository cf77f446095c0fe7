"""The business day of an instant: the date on the tenant's wall, in the zone in force then.

>>> from datetime import UTC, datetime
>>> wall = Wall([(date(2020, 1, 1), ZoneInfo("Asia/Shanghai"))])
>>> wall.day_of(datetime(2026, 1, 4, 16, tzinfo=UTC)), wall.day_of(None)
(datetime.date(2026, 1, 5), datetime.date(1900, 1, 2))
>>> year_later(date(2025, 3, 31)), year_later(date(2024, 2, 29))
(datetime.date(2026, 3, 31), datetime.date(2025, 3, 1))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.kit.period import FIRST_YEAR, business_day, local_midnight

UNDATED = date(FIRST_YEAR, 1, 2)
"""What has no time happened before everything that has one; midnight on it is in FIRST_YEAR anywhere."""


@dataclass(frozen=True, slots=True)
class Wall:
    """The tenant's time zones, each from a day on, oldest first; the first one held always."""

    zones: Sequence[tuple[date, ZoneInfo]]

    def zone_on(self, instant: datetime) -> ZoneInfo:
        if not self.zones:
            return ZoneInfo("UTC")
        zone = self.zones[0][1]
        for starts_on, later in self.zones[1:]:
            if business_day(instant, later) >= starts_on:
                zone = later
        return zone

    def midnight(self, day: date) -> datetime:
        """The UTC instant at which a day starts."""
        zone = ZoneInfo("UTC")
        for starts_on, found in self.zones:
            if starts_on <= day or (starts_on, found) == self.zones[0]:
                zone = found
        return local_midnight(day, zone)

    def day_of(self, instant: datetime | None) -> date:
        return UNDATED if instant is None else business_day(instant, self.zone_on(instant))


def year_later(day: date) -> date:
    """The first day on which `day` is no longer within the last twelve months."""
    if (day.month, day.day) == (2, 29):
        return date(day.year + 1, 3, 1)
    return day.replace(year=day.year + 1)
