"""How a value on a wire becomes ours: exactly, or not at all (webhooks.md section 6).

Nothing is guessed: an amount with too many decimals, a share that is no whole number of basis
points or a text that the database cannot hold is Unfit, and its item waits in quarantine.

>>> amount("1054", "major", "USD")
{'minor': 105400, 'currency': 'USD'}
>>> shares([("maven:Moses Frase", 10_000)])
[{'owner': 'maven:Moses Frase', 'share_bp': 10000}]
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from services.kit.money import MAX_AMOUNT_MINOR, WHOLE_BP, Money, MoneyInvalid, decimals_of
from services.kit.period import FIRST_YEAR, LAST_YEAR
from services.kit.strictjson import plain
from services.kpi.domain.observation import Unusable

MoneyUnit = Literal["major", "minor", "micros"]
TEXT_CHARACTERS = 200
"""Longest reference or name: a deal's id, an owner, a product, an account."""
OWNERS = 100
SCHEDULE_LINES = 400
MOST_MINUTES = 1_000_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_VERSION = 2**63 - 1


class Unfit(Exception):
    """A finding about an item, carried out of the depth of a reader."""

    def __init__(
        self, reason: str, message: str, *, path: str | None = None, waits_for: str | None = None
    ) -> None:
        super().__init__(message)
        self.unusable = Unusable(reason, message, path, waits_for)


def scalar(value: Any) -> str | None:
    """The text of a text, a whole number, an exact fraction or a truth value; else None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else None
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 40:
        return plain(value)
    return None


def text(value: Any, path: str | None = None) -> str:
    """A short text that can be stored; a number is taken by its digits."""
    found = None if isinstance(value, bool) else scalar(value)
    if found is None or not found or "\0" in found:
        raise Unfit("bad_value", f"{shown(value)} is not a text", path=path)
    if len(found) > TEXT_CHARACTERS:
        raise Unfit("bad_value", f"a text has more than {TEXT_CHARACTERS} characters", path=path)
    return found


def amount(value: Any, unit: MoneyUnit, currency: Any, path: str | None = None) -> dict[str, Any]:
    """Minor units and currency; negative or above 10^15 minor units is out of range."""
    try:
        decimals = decimals_of(currency if isinstance(currency, str) else "")
    except MoneyInvalid:
        message = f"{shown(currency)} is not an active ISO 4217 currency"
        if currency is None or currency == "":
            message = "the amount has no currency, and none is assumed"
        raise Unfit("unknown_currency", message, path=path) from None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        message = f"{shown(value)} is not a decimal number"
        raise Unfit("bad_amount", message, path=path)
    try:
        minor = Money.from_unit(value, unit, currency).amount_minor
    except MoneyInvalid as wrong:
        shift = {"major": decimals, "minor": 0, "micros": decimals - 6}[unit]
        if not _huge(value, shift):
            raise Unfit("bad_amount", wrong.message, path=path) from None
        minor = -1
    if minor < 0:
        message = f"{shown(value)} is outside 0 to 10^15 minor units"
        raise Unfit("amount_out_of_range", message, path=path)
    return {"minor": minor, "currency": currency}


def shares(pairs: Sequence[tuple[str, Any]], path: str | None = None) -> list[dict[str, Any]]:
    """The owners of a record in basis points that make the whole; each owner once."""
    if len(pairs) > OWNERS:
        raise Unfit("bad_owner_shares", f"there are {OWNERS} owners at most", path=path)
    parts = [share for _, share in pairs]
    if any(type(share) is not int or share <= 0 for share in parts) or sum(parts) != WHOLE_BP:
        message = f"owner shares are whole basis points above 0 that sum to {WHOLE_BP}"
        raise Unfit("bad_owner_shares", message, path=path)
    if len({owner for owner, _ in pairs}) != len(pairs):
        raise Unfit("bad_owner_shares", "an owner is named twice", path=path)
    return [{"owner": owner, "share_bp": share} for owner, share in pairs]


def schedule(lines: Sequence[tuple[str, dict[str, Any]]], path: str | None = None) -> list[Any]:
    """What is due when, in the order of days, so that the same plan is the same whoever tells it."""
    if len(lines) > SCHEDULE_LINES:
        raise Unfit("bad_value", f"a schedule has {SCHEDULE_LINES} lines at most", path=path)
    ordered = sorted(lines, key=lambda line: (line[0], line[1]["minor"]))
    return [{"due_on": due_on, "amount": amount} for due_on, amount in ordered]


def day(value: Any, path: str | None = None) -> str:
    """A date as ISO 8601 writes it, of the years that periods know."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            found = date.fromisoformat(value)
        except ValueError:  # the 30th of February
            found = date.min
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return value
    message = f"{shown(value)} is not a date like 2026-03-01"
    raise Unfit("bad_date", message, path=path)


def term(fields: Mapping[str, Any], path: str | None = None) -> None:
    """A contract's last day is not before its first, where both are told at once."""
    starts_on, ends_on = fields.get("starts_on"), fields.get("ends_on")
    if starts_on and ends_on and ends_on < starts_on:
        raise Unfit("bad_date", f"{ends_on} is before {starts_on}", path=path)


def minutes(value: Any, path: str | None = None) -> int:
    """How long something took: whole minutes, digits in a text included."""
    found = _whole(value)
    if found is None or found > MOST_MINUTES:
        message = f"{shown(value)} is not a whole number of minutes from 0 to {MOST_MINUTES}"
        raise Unfit("bad_value", message, path=path)
    return found


def code(value: Any, path: str | None = None) -> str:
    """A code: letters, digits, `.`, `-` and `_`."""
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        message = f"{shown(value)} is not a code of letters, digits, . - and _"
        raise Unfit("bad_value", message, path=path)
    return value


def one_of(value: Any, options: Sequence[str], path: str | None = None) -> str:
    if not isinstance(value, str) or value not in options:
        message = f"{shown(value)} is not one of {', '.join(options)}"
        raise Unfit("bad_value", message, path=path)
    return value


def version(value: Any, path: str | None = None) -> int:
    """An object's version at its sender: a whole number, digits in a text included."""
    found = _whole(value)
    if found is None or found > MAX_VERSION:
        message = f"{shown(value)} is not a whole number from 0 to 2^63 - 1"
        raise Unfit("bad_version", message, path=path)
    return found


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if type(value) is int and value >= 0 else None


def shown(value: Any) -> str:
    """A value for a message: short, and never the content of an object."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if value is None:
        return "null"
    found = scalar(value)
    return repr(found[:60]) if found is not None else f"a {type(value).__name__}"


def _huge(value: str | int | Decimal, shift: int) -> bool:
    """Whether a number is refused for its size rather than for its form."""
    try:
        number = Decimal(value)
    except ArithmeticError:
        return False
    if not number.is_finite() or not number:
        return False
    return number.adjusted() > 30 or abs(number).scaleb(shift) > MAX_AMOUNT_MINOR
