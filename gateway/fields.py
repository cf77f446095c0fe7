"""How a field of the schema gets its values. A description is not optional: it is the manual.

The objects of the schema are the rows that services answer, as they came: a field reads the key of
its own name. What is more than that is one of three:

- computed: a function of one row and the field's arguments;
- joined: a function of all rows of a level at once, which reads them in as few calls as it can.
  It answers a value for each row in their order; an exception among them is that row's error;
- late: a plain key that some rows lack; they are completed together before it is read.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

import strawberry

Row: TypeAlias = strawberry.Parent[Mapping[str, Any]]
Rows: TypeAlias = strawberry.Parent[Sequence[Mapping[str, Any]]]
Function: TypeAlias = Callable[..., Any]

HOW = "how"
"""Key of a field's metadata."""


class Kind(Enum):
    COMPUTED = auto()
    JOINED = auto()
    LATE = auto()
    STREAM = auto()


@dataclass(frozen=True, slots=True)
class How:
    kind: Kind
    function: Function
    then: Function | None = None
    """Of a late field: the function of a completed row that gives its value, if it is no key."""
    gathers: bool = False
    """Whether places of a document that ask it with equal arguments wait for each other, so that
    one call serves them all. Not for fields that lead to such places."""


def plain(description: str) -> Any:
    """A key of the row."""
    return strawberry.field(description=description)


def listed(description: str, size: int) -> Any:
    """A list in the row, of `size` items at most in practice: what it costs."""
    return strawberry.field(description=description, metadata={"list_size": size})


def computed(function: Function, description: str, *, size: int | None = None) -> Any:
    return _made(How(Kind.COMPUTED, function), description, size)


def joined(
    function: Function, description: str, *, size: int | None = None, gathers: bool = False
) -> Any:
    return _made(How(Kind.JOINED, function, gathers=gathers), description, size)


def late(fill: Function, description: str, *, then: Function | None = None) -> Any:
    """`fill` takes the rows that lack something and answers them completed, in order."""
    how = How(Kind.LATE, fill, then)
    if then is not None:
        return _made(how, description, signature_of=then)
    return strawberry.field(description=description, metadata={HOW: how})


def followed(function: Function, description: str) -> Any:
    """A subscription: `function` yields its events."""
    return _made(How(Kind.STREAM, function), description)


def _made(
    how: How, description: str, size: int | None = None, signature_of: Function | None = None
) -> Any:
    """A field whose type its class says and whose arguments the function's signature."""

    def unused() -> None:
        raise AssertionError("documents run by their plan")

    function = signature_of or how.function
    signature = inspect.signature(function)
    unused.__signature__ = signature.replace(  # type: ignore[attr-defined]
        return_annotation=inspect.Signature.empty
    )
    unused.__module__ = function.__module__
    metadata: dict[str, Any] = {HOW: how}
    if size is not None:
        metadata["list_size"] = size
    return strawberry.field(resolver=unused, description=description, metadata=metadata)
