"""Asking for everything: documents that select every field of a type, and what an answer shows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
)

from gateway.schema import schema

SCHEMA = schema._schema
_REFERENCES = {"Rep", "Unit", "Owner", "Plan"}
"""Inside another object these are shown by id and name alone, but for OPENED."""
_OPENED = {("RepConnection", "nodes")}
_ARGUMENTS = {
    "period": "$period", "metric": "$metric", "axis": "TIME", "first": "4",
}  # fmt: skip
VARIABLES = "$period: Period!, $metric: String!"


def field_of(type_name: str) -> Mapping[str, GraphQLField]:
    named = SCHEMA.type_map[type_name]
    assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
    return named.fields


def selection(type_name: str, above: tuple[str, ...] = ()) -> str:
    """Every field of a type and below it; a type that lies below itself is taken once."""
    parts = []
    for name, field in field_of(type_name).items():
        below = get_named_type(field.type)
        inner = _inner(type_name, name, below, (*above, type_name))
        if inner is not None:
            parts.append(f"{name}{_arguments(field)}{inner}")
    return "{ " + " ".join(parts) + " }"


def _inner(owner: str, name: str, below: GraphQLNamedType, above: tuple[str, ...]) -> str | None:
    assert not isinstance(below, GraphQLUnionType), "no read answers one"
    if not isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    if (owner, name) in _OPENED and below.name not in above:
        return f" {selection(below.name, above)}"
    if below.name in _REFERENCES:
        return " { id name }"
    if below.name in above:
        return None
    return f" {selection(below.name, above)}"


def _arguments(field: GraphQLField) -> str:
    asked = {
        name: _ARGUMENTS[name]
        for name, argument in field.args.items()
        if is_required_argument(argument) or name in {"axis", "first"}
    }
    return (
        "(" + ", ".join(f"{name}: {value}" for name, value in asked.items()) + ")" if asked else ""
    )


def shown(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all values that are there; items of a list share their path, but people and units
    are told apart by name.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from shown(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            named = isinstance(inner, Mapping) and _is_person(inner)
            yield from shown(inner, f"{path}[{inner['name']}]" if named else path)
    elif value is not None:
        yield path


def _is_person(item: Mapping[str, Any]) -> bool:
    return "tenureMonths" in item or "tenure_months" in item


def roots(paths: Iterable[str], of: Iterable[str]) -> list[str]:
    """The shortest paths that stand for all of `paths` and for nothing else `of` has."""
    missing, others = set(paths), set(of) - set(paths)
    found: set[str] = set()
    for path in missing:
        steps = _steps(path)
        for step in steps:
            below = (step, f"{step}.", f"{step}[")
            if not any(other == step or other.startswith(below[1:]) for other in others):
                found.add(step)
                break
    return sorted(found)


def _steps(path: str) -> list[str]:
    """`a.b[c].d` → a, a.b, a.b[c], a.b[c].d"""
    ends = [n for n, character in enumerate(path) if character == "." or (character == "[" and n)]
    return [path[:end] for end in ends] + [path]
