"""A document's operation as a plan: what to read, level by level, worked out once.

A plan knows for every object type what is shown of it, so that running it is loops over rows. It
holds for one set of answers to the document's @skip and @include conditions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLField, OperationType

from gateway.fields import How

Serialize = Callable[[Any], Any]


@dataclass(slots=True, eq=False)
class Shape:
    """What a value must look like: a list of `item`, one leaf, or an object of one of `below`."""

    required: bool
    item: "Shape | None" = None
    serialize: Serialize | None = None
    below: "Mapping[str, Selection]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Field:
    """One field of the document, of all objects that it is asked of."""

    key: str
    name: str
    node: FieldNode
    definition: GraphQLField
    shape: Shape
    how: How | None
    is_constant: bool
    """Whether its arguments hang on no variable."""
    depth: int
    """Gathering fields above it: only places of one depth can wait for each other."""
    below: "Sequence[Field]" = ()
    is_introspection: bool = False
    constants: dict[str, Any] | None = None
    """The arguments, where they are the same for every request and were read once."""


@dataclass(slots=True, eq=False)
class Group:
    """Plain keys that may be missing, by who completes their rows."""

    fill: Callable[..., Any]
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Selection:
    """What is shown of the objects of one type."""

    type_name: str
    empty: dict[str, Any] = field(default_factory=dict)
    """The object before anything is known: its keys in order, __typename in its place."""
    leaves: list[Field] = field(default_factory=list)
    plain: list[Field] = field(default_factory=list)
    computed: list[Field] = field(default_factory=list)
    late: list[Group] = field(default_factory=list)
    joined: list[Field] = field(default_factory=list)

    @property
    def fields(self) -> Iterator[Field]:
        yield from (*self.leaves, *self.plain, *self.computed, *self.joined)
        for group in self.late:
            yield from group.fields


@dataclass(frozen=True, slots=True)
class Plan:
    kind: OperationType
    root: Selection
    gathering: tuple[Field, ...]
    """All fields that gather, wherever in the document they are."""
