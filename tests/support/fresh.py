"""What a quarter (tests.support.quarter) must come to: a calculation of its own, from what happened.

Not a line of the services' code is in it, so that two installations cannot be wrong alike.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from tests.support.quarter import BASIC_BELOW, STRATEGIC_ABOVE, Quarter

BANDS = ((100_000_000, 8), (200_000_000, 10), (None, 12))
"""Up to so many minor units, at so many percent."""


def split(minor: int, owners: Mapping[str, int]) -> dict[str, int]:
    """60 to 40, exact: no share of whole cents by these weights is ever in doubt."""
    (first, share), *rest = owners.items()
    part = (minor * share + 5_000) // 10_000
    return {first: part} | ({rest[0][0]: minor - part} if rest else {})


def credit(made: Quarter) -> dict[tuple[str, str], int]:
    """Won less refunded, in minor units, by rep and month of winning."""
    found: Counter[tuple[str, str]] = Counter()
    for win in made.wins:
        for rep, part in split(win.minor - sum(win.refunds), win.owners).items():
            found[rep, f"{win.won_on:%Y-%m}"] += part
    return dict(found)


def sales(made: Quarter) -> dict[str, int]:
    """What stands of what was won, in minor units, by rep."""
    found: Counter[str] = Counter()
    for win in made.wins:
        found.update(split(win.minor, win.owners))
    return dict(found)


def refunded(made: Quarter) -> dict[str, int]:
    """Paid back, in minor units, by rep: each refund shared as its deal was when it was won."""
    found: Counter[str] = Counter()
    for win in made.wins:
        for minor in win.refunds:
            found.update(split(minor, win.owners))
    return dict(found)


def commission(minor: int) -> int:
    """Each slice at its band's rate, rounded half-even to a minor unit."""
    paid, lower = 0, 0
    for upper, percent in BANDS:
        top = minor if upper is None else min(minor, upper)
        slice_ = Decimal(max(top - lower, 0)) * percent / 100
        paid += int(slice_.quantize(Decimal(1), ROUND_HALF_EVEN))
        lower = upper or 0
    return paid


def tiers(made: Quarter) -> dict[str, str | None]:
    """By account, by the fees in force; a value on an edge belongs to the middle tier."""
    related = made.contracted | {win.account for win in made.wins if win.minor}
    found: dict[str, str | None] = {}
    for account in {*related, *(win.account for win in made.wins)}:
        value = sum(made.fees.get(account, ()))
        tier = "growth" if value <= STRATEGIC_ABOVE else "strategic"
        found[account] = (
            None if account not in related else tier if value >= BASIC_BELOW else "basic"
        )
    return found


def revenue(made: Quarter) -> dict[str, int]:
    """Won less refunded by account, in minor units."""
    found: Counter[str] = Counter()
    for win in made.wins:
        found[win.account] += win.minor - sum(win.refunds)
    return dict(found)
