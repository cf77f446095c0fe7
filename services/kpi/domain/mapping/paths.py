"""Where in an item a value lies: a JMESPath expression, compiled once.

A name or a chain of names, which is what most mappings use, becomes plain look-ups: thirty times
as fast. Functions that count with numbers are refused, because JMESPath counts in floats, and so
is whatever could make a small item large.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError

from services.kpi.domain.mapping.shape import refuse
from services.kpi.domain.wire import Unfit, scalar

Extract = Callable[[Any], Any]

_MOST_CHARACTERS = 256
_MOST_SELECTIONS = 2
"""Each selection can multiply what a flatten then copies; two cannot grow out of hand."""
# fmt: off
_FUNCTIONS = frozenset({
    "contains", "ends_with", "join", "keys", "length", "merge", "not_null", "reverse", "sort",
    "starts_with", "to_array", "to_string", "values",
})
# fmt: on
# What the library lets out besides its own errors when a function or comparison meets a value
# that it does not expect: a Decimal, a mixed array, an unhashable key.
_FAULTS = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError)


class _Functions(functions.Functions):
    @functions.signature({"types": []})
    def _func_to_string(self, value: Any) -> str | None:
        """The library writes an exact fraction with quotes around it."""
        return scalar(value)


_OPTIONS = jmespath.Options(custom_functions=_Functions())


def compile_path(expression: str, place: str) -> Extract:
    """A function from an item to the value there, None when there is none."""
    if len(expression) > _MOST_CHARACTERS:
        refuse(place, f"a JMESPath expression has {_MOST_CHARACTERS} characters at most")
    try:
        compiled = jmespath.compile(expression)
    except (JMESPathError, *_FAULTS, RecursionError) as wrong:
        reason = str(wrong).split("\n", 1)[0]
        refuse(place, f"{expression!r} is not a JMESPath expression: {reason}")
    _check(compiled.parsed, expression, place)
    names = _chain(compiled.parsed)
    if names is None:
        return _searching(compiled.search, expression)
    return _field(names[0]) if len(names) == 1 else _fields(names)


def missing(value: Any) -> bool:
    """Null and the empty text of a CSV cell are the same: nothing was said."""
    return value is None or (isinstance(value, str) and not value)


def _check(node: Any, expression: str, place: str) -> None:
    selections = 0
    for kind, name in _nodes(node):
        if kind == "function_expression" and name not in _FUNCTIONS:
            refuse(place, f"{expression!r} calls {name}(); these can be called: {_listed()}")
        selections += kind in {"multi_select_list", "multi_select_dict"}
    if selections > _MOST_SELECTIONS:
        refuse(place, f"{expression!r} selects lists more than {_MOST_SELECTIONS} times")


def _listed() -> str:
    return ", ".join(sorted(_FUNCTIONS))


def _nodes(node: Any) -> Iterator[tuple[str, Any]]:
    yield node["type"], node.get("value")
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _nodes(child)


def _chain(node: Any) -> tuple[str, ...] | None:
    """The names of `a` or `a.b.c`; None for anything that is more."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    names: tuple[str, ...] = ()
    for child in node["children"]:
        found = _chain(child)
        if found is None:
            return None
        names += found
    return names


def _field(name: str) -> Extract:
    def extract(item: Any) -> Any:
        return item.get(name) if isinstance(item, dict) else None

    return extract


def _fields(names: tuple[str, ...]) -> Extract:
    def extract(item: Any) -> Any:
        for name in names:
            if not isinstance(item, dict):
                return None
            item = item.get(name)
        return item

    return extract


def _searching(search: Callable[..., Any], expression: str) -> Extract:
    def extract(item: Any) -> Any:
        try:
            return search(item, _OPTIONS)
        except _FAULTS:
            message = f"{expression!r} cannot be applied to this item"
            raise Unfit("bad_value", message, path=expression) from None

    return extract
