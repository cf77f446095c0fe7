"""When something happened, from what the sender wrote.

A time without offset is read on the wall of the mapping's zone. Where that wall shows it twice
the first one counts; where the clocks jumped over it, it moves forward by the jump. A date is
that day's start in the zone, with precision `day`.

>>> chicago = ZoneInfo("America/Chicago")
>>> read = compile_at({"path": "on", "format": "%m/%d/%Y", "unit": None}, chicago, "at")
>>> moment, precision = read({"on": "3/1/2017"})
>>> print(moment, precision)
2017-03-01 06:00:00+00:00 day
>>> read({"on": ""})
(None, 'unknown')
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from services.kit.period import FIRST_YEAR, LAST_YEAR, local_midnight
from services.kpi.domain.mapping.paths import compile_path, missing
from services.kpi.domain.mapping.shape import refuse
from services.kpi.domain.observation import Precision
from services.kpi.domain.wire import Unfit, scalar, shown

Moment = tuple[datetime | None, Precision]
_Reader = Callable[[str], Moment]

UNKNOWN: Moment = (None, "unknown")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE = datetime(2026, 11, 25, 13, 14, 15, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_TIME_DIRECTIVES = frozenset("HIMSfpcXT")
_MOST_CHARACTERS = 64


def compile_at(rule: dict[str, Any] | None, zone: ZoneInfo, place: str) -> Callable[[Any], Moment]:
    """A reader of an item's effective time; without a rule or a value the time is unknown."""
    if rule is None:
        return lambda _item: UNKNOWN
    path = rule["path"]
    extract = compile_path(path, f"{place}.path")
    if rule["unit"] is not None:
        micros = 1_000 if rule["unit"] == "ms" else 1_000_000
        read: Callable[[Any], Moment] = lambda value: _from_epoch(value, micros)  # noqa: E731
    else:
        form = rule["format"]
        read = _texts(_formatted(form, zone, f"{place}.format") if form else _iso(zone))

    def at(item: Any) -> Moment:
        value = extract(item)
        if missing(value):
            return UNKNOWN
        try:
            return read(value)
        except (ValueError, OverflowError):
            expected = rule["format"] or (f"{rule['unit']} since 1970" if rule["unit"] else "ISO")
            message = f"{shown(value)} is not a time as {expected}"
            raise Unfit("bad_time", message, path=path) from None

    return at


def _texts(read: _Reader) -> Callable[[Any], Moment]:
    # An export repeats its dates; a time read once is not worth its place, hence the small memory.
    remembered = lru_cache(maxsize=1_024)(read)

    def reader(value: Any) -> Moment:
        if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
            raise ValueError
        return remembered(value)

    return reader


def _iso(zone: ZoneInfo) -> _Reader:
    def read(text: str) -> Moment:
        if len(text) <= len("2026-01-15"):
            return _day(date.fromisoformat(text), zone)
        return _instant(datetime.fromisoformat(text), zone)

    return read


def _formatted(form: str, zone: ZoneInfo, place: str) -> _Reader:
    directives = set(re.findall(r"%(.)", form))
    if "Z" in directives:
        refuse(place, "%Z names zones ambiguously; use %z or the mapping's zone")
    is_day = not directives & _TIME_DIRECTIVES
    try:
        again = datetime.strptime(_SAMPLE.strftime(form), form).replace(tzinfo=UTC)
    except (ValueError, re.error) as wrong:
        refuse(place, f"{form!r} is not a date format: {wrong}")
    if again.date() != _SAMPLE.date() or not (is_day or again.hour == _SAMPLE.hour):
        refuse(place, f"{form!r} does not tell year, month and day, or confuses 1 and 13 o'clock")

    def read(text: str) -> Moment:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 — the zone follows
        return _day(moment.date(), zone) if is_day else _instant(moment, zone)

    return read


def _from_epoch(value: Any, micros_per_unit: int) -> Moment:
    text = scalar(value)
    if text is None or not _NUMBER.fullmatch(text):
        raise ValueError
    moment = _EPOCH + timedelta(microseconds=int(Decimal(text) * micros_per_unit))
    return _instant(moment, UTC)


def _day(day: date, zone: ZoneInfo) -> Moment:
    _within_years(day)
    midnight = local_midnight(day, zone)
    _within_years(midnight)  # in Shanghai 1900 begins before it does in UTC
    return midnight, "day"


def _instant(moment: datetime, zone: tzinfo) -> Moment:
    _within_years(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    moment = moment.astimezone(UTC)
    _within_years(moment)
    return moment, "instant"


def _within_years(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError
