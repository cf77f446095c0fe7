"""What a tenant chooses once: its time zone, currency, fiscal year and week rule.

Choices are dated: a change holds from the tenant's current day on. The first one holds for all
earlier days too, because deals older than the tenant need a business day as well.

>>> checked("Asia/Shanghai", "CNY", 1, "iso_clipped").zone
'Asia/Shanghai'
>>> checked("Asia/Peking", "CNY", 1, "iso_clipped")
Traceback (most recent call last):
...
services.targets.domain.configuration.ZoneUnknown: 'Asia/Peking' is not an IANA time zone, such as Asia/Shanghai
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from services.kit.errors import Invalid
from services.kit.money import MoneyInvalid, decimals_of
from services.kit.period import FIRST_YEAR, Calendar, WeekRule

SINCE_EVER = date(FIRST_YEAR, 1, 1)


class ZoneUnknown(Invalid):
    """A time zone that the IANA database does not have."""

    code = "zone_unknown"


@dataclass(frozen=True, slots=True)
class Configuration:
    zone: str
    currency: str
    fiscal_start_month: int
    week_rule: WeekRule


def checked(
    zone: str, currency: str, fiscal_start_month: int, week_rule: WeekRule
) -> Configuration:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # no such name, a path, a folder of names
        raise ZoneUnknown(
            f"{zone[:60]!r} is not an IANA time zone, such as Asia/Shanghai", path="zone"
        ) from None
    try:
        decimals_of(currency)
    except MoneyInvalid as refusal:
        raise MoneyInvalid(refusal.message, path="currency") from None
    Calendar(fiscal_start_month, week_rule)
    return Configuration(zone, currency, fiscal_start_month, week_rule)
