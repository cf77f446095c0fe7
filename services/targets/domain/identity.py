"""Which one an id means: ours, `<connection>:<id>`, or the external id alone where it is unique.

>>> moses = Named("0190-1", "maven:Moses Frase")
>>> [who.id for who in matched(["maven:Moses Frase", "Moses Frase", "Nobody"], [moses]).values()]
['0190-1', '0190-1']
>>> matched(["Moses Frase"], [moses, Named("0190-2", "hr:Moses Frase")])
Traceback (most recent call last):
...
services.kit.errors.AmbiguousId: 'Moses Frase' is an id in hr and maven: write hr:Moses Frase or maven:Moses Frase
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.kit.errors import AmbiguousId


class Identified(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def external_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Named:
    id: str
    external_id: str


One = TypeVar("One", bound=Identified)


def bare(external_id: str) -> str:
    """The external id without its connection."""
    return external_id.partition(":")[2]


def matched(asked: Iterable[str], candidates: Iterable[One]) -> dict[str, One]:
    """Who each asked id means; unknown ones are left out."""
    by_name: dict[str, One] = {}
    by_bare: defaultdict[str, list[One]] = defaultdict(list)
    for one in candidates:
        by_name[one.id] = by_name[one.external_id] = one
        by_bare[bare(one.external_id)].append(one)
    found: dict[str, One] = {}
    for name in asked:
        exact = by_name.get(name)
        same = [exact] if exact is not None else by_bare.get(name, [])
        if len(same) > 1:
            full = sorted(one.external_id for one in same)
            connections = " and ".join(name.partition(":")[0] for name in full)
            raise AmbiguousId(
                f"{name!r} is an id in {connections}: write {' or '.join(full)}", path="id"
            )
        if same:
            found[name] = same[0]
    return found
