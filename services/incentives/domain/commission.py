"""Commission by rate bands (method.md 3.1).

Marginal, the default: each slice of what was credited is paid at its own band's rate. Retroactive:
the rate of the band that was reached is paid on everything. One band is a flat rate. Bands are
closed above: exactly 1,000,000 is still in the band up to 1,000,000. A line is rounded once, to a
minor unit, half-even unless the plan says half-up. Amounts are minor units, rates basis points.

>>> bands = (Band(100_000_000, 800), Band(200_000_000, 1_000), Band(None, 1_200))
>>> marginal = Commission("commission", "marginal", bands, "CNY")
>>> retroactive = Commission("commission", "retroactive", bands, "CNY")
>>> for major in (2_500_000, 2_000_000, 1_000_000):
...     minor = major * 100
...     print(major, marginal.pay(minor) // 100, retroactive.pay(minor) // 100)
2500000 240000 300000
2000000 180000 200000
1000000 80000 80000
>>> marginal.next_band(88_000_000), retroactive.next_band(88_000_000)
(NextBand(gap_minor=12000000, worth_minor=960000), NextBand(gap_minor=12000000, worth_minor=2960000))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

from services.kit.money import WHOLE_BP, Rounding, decimals_of, rounded

Mode = Literal["marginal", "retroactive"]


class Band(NamedTuple):
    """`up_to_minor` is in the band; None: no end."""

    up_to_minor: int | None
    rate_bp: int


class Slice(NamedTuple):
    """What of the credited amount is paid at one band's rate; `band` counts from 1."""

    band: int
    rate_bp: int
    part_minor: int | Fraction
    amount_minor: int


class NextBand(NamedTuple):
    """How much more credit reaches the next band, and what that would add to the pay."""

    gap_minor: int
    worth_minor: int


@dataclass(frozen=True, slots=True)
class Commission:
    """One component of a compensation plan. Bands ascend, and the last one has no end."""

    code: str
    mode: Mode
    bands: tuple[Band, ...]
    currency: str
    rounding: Rounding = Rounding.HALF_EVEN

    def __post_init__(self) -> None:
        assert self.bands, "there is a band for every amount"
        assert self.bands[-1].up_to_minor is None, "there is a band for every amount"

    def slices(self, credited_minor: int | Fraction) -> list[Slice]:
        """What is paid at which rate; nothing for nothing. Less than nothing mirrors more."""
        sign, size = (1, credited_minor) if credited_minor >= 0 else (-1, -credited_minor)
        found = []
        for number, (lower, band) in enumerate(self._from(), 1):
            reaches = band.up_to_minor is None or size <= band.up_to_minor
            if self.mode == "retroactive":
                part = size if reaches else 0
            else:
                part = (size if reaches else band.up_to_minor or 0) - lower
            if part > 0:
                amount = self.amount(sign * part, band.rate_bp)
                found.append(Slice(number, band.rate_bp, sign * part, amount))
            if reaches:
                break
        return found

    def amount(self, part_minor: int | Fraction, rate_bp: int) -> int:
        """The one step that rounds."""
        return at_rate(part_minor, rate_bp, self.currency, self.rounding)

    def pay(self, credited_minor: int | Fraction) -> int:
        return sum(slice_.amount_minor for slice_ in self.slices(credited_minor))

    def next_band(self, credited_minor: int) -> NextBand | None:
        """None in the last band. Retroactive: what being just past the threshold adds."""
        for band, after in pairwise(self.bands):
            assert band.up_to_minor is not None, "only the last band has no end"
            gap = band.up_to_minor - credited_minor
            if gap < 0 or (gap == 0 and self.mode == "marginal"):
                continue
            if self.mode == "retroactive":
                then = self.amount(band.up_to_minor, after.rate_bp)
            else:
                then = self.pay(band.up_to_minor)
            return NextBand(gap, then - self.pay(credited_minor))
        return None

    def fill(self, credits_minor: Sequence[int]) -> dict[int, list[int]]:
        """Which of the credits, in their order, touched each band that is paid at."""
        total = sum(credits_minor)
        sign = -1 if total < 0 else 1
        levels = [sign * level for level in accumulate(credits_minor, initial=0)]
        paid = [slice_.band for slice_ in self.slices(total)]
        if self.mode == "retroactive":
            return {band: list(range(len(credits_minor))) for band in paid}
        spans = list(enumerate(self._from(), 1))
        filled: dict[int, list[int]] = {band: [] for band in paid}
        for place, (before, after) in enumerate(pairwise(levels)):
            low, high = min(before, after), max(before, after)
            for number, (lower, band) in spans:
                if number in filled and low < (band.up_to_minor or high) and high > lower:
                    filled[number].append(place)
        return filled

    def lower_minor(self, band: int) -> int:
        """Where a band begins."""
        return self._from()[band - 1][0]

    def _from(self) -> list[tuple[int, Band]]:
        lowers = [0, *(band.up_to_minor or 0 for band in self.bands[:-1])]
        return list(zip(lowers, self.bands, strict=True))


def at_rate(part_minor: int | Fraction, rate_bp: int, currency: str, rounding: Rounding) -> int:
    """Part × rate, rounded to a minor unit."""
    major = Fraction(part_minor * rate_bp, WHOLE_BP * 10 ** decimals_of(currency))
    return rounded(major, currency, rounding).amount_minor
