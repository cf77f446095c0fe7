"""Random valid GraphQL documents over any schema, with the variables that they need."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_required_argument,
)

_FIELDS = 4
_FRAGMENTS = 3
_DEPTH = 5


class Writer:
    """Writes one query. What two places answer under one name is the same field with the same
    arguments, so that they can be merged.
    """

    def __init__(
        self, schema: GraphQLSchema, random: Random, values: Mapping[str, list[str]]
    ) -> None:
        """`values` are texts of literals by the names of scalars."""
        self._schema = schema
        self._random = random
        self._values = values
        acting = {schema.mutation_type, schema.subscription_type}
        self._composite = [
            one for name, one in sorted(schema.type_map.items())
            if is_composite_type(one) and one not in acting and not name.startswith("__")
        ]  # fmt: skip
        self._fragments: list[tuple[str, str]] = []
        self._bodies: list[str] = []
        self._declared: dict[str, str] = {}
        self.variables: dict[str, Any] = {}

    def document(self) -> str:
        root = self._schema.query_type
        assert root is not None
        for _ in range(self._random.randint(0, _FRAGMENTS)):
            on = self._random.choice(self._composite)
            body = self._selection(on, 3)
            name = f"F{len(self._fragments)}"
            self._bodies.append(f"fragment {name} on {on.name} {body}")
            self._fragments.append((name, on.name))
        body = self._selection(root, 0)
        declared = ", ".join(f"${name}: {kind}" for name, kind in sorted(self._declared.items()))
        head = f"query Q({declared})" if declared else "query Q"
        return "\n".join([f"{head} {body}", *self._bodies])

    def _selection(self, owner: GraphQLNamedType, depth: int) -> str:
        parts = [self._part(owner, depth) for _ in range(self._random.randint(1, _FIELDS))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, owner: GraphQLNamedType, depth: int) -> str:
        roll = self._random.random()
        if roll < 0.08:
            return f"__typename{self._condition()}"
        fits = [
            name for name, on in self._fragments
            if self._overlaps(owner, self._schema.type_map[on])
        ]  # fmt: skip
        if roll < 0.16 and fits:
            return f"...{self._random.choice(fits)}{self._condition()}"
        fields = dict(getattr(owner, "fields", {}))  # a union has none
        if depth < _DEPTH and (roll < 0.26 or not fields):
            return self._inline(owner, depth)
        leaves = {
            name: one for name, one in fields.items()
            if not is_composite_type(get_named_type(one.type))
        }  # fmt: skip
        if depth >= _DEPTH:
            fields = leaves
        if not fields:
            return "__typename"
        name = self._random.choice(sorted(fields))
        return self._field(name, fields[name], depth)

    def _inline(self, owner: GraphQLNamedType, depth: int) -> str:
        if self._random.random() < 0.3:
            return f"...{self._condition()} {self._selection(owner, depth + 1)}"
        near = [one for one in self._composite if self._overlaps(owner, one)]
        on = self._random.choice(near)
        return f"... on {on.name}{self._condition()} {self._selection(on, depth + 1)}"

    def _overlaps(self, one: GraphQLNamedType, other: GraphQLNamedType) -> bool:
        return not self._possible(one).isdisjoint(self._possible(other))

    def _possible(self, kind: GraphQLNamedType) -> set[str]:
        if is_abstract_type(kind):
            return {one.name for one in self._schema.get_possible_types(kind)}
        return {kind.name}

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        arguments, mark = self._arguments(field)
        alias = ""
        if mark or self._random.random() < 0.2:
            alias = f"{name}_{mark or self._random.choice('xy')}: "
        below = ""
        if is_composite_type(get_named_type(field.type)):
            below = " " + self._selection(get_named_type(field.type), depth + 1)
        return f"{alias}{name}{arguments}{self._condition()}{below}"

    def _arguments(self, field: GraphQLField) -> tuple[str, str]:
        """With a mark that equal arguments share."""
        chosen = []
        for name, argument in sorted(field.args.items()):
            if not is_required_argument(argument) and self._random.random() < 0.5:
                continue
            named = get_named_type(argument.type)
            texts = sorted(named.values) if is_enum_type(named) else self._values[named.name]
            place = self._random.randrange(len(texts))
            text, shown = texts[place], f"{name}{place}"
            if self._random.random() < 0.4:
                variable = f"{name}_{named.name}_{place}"
                self._declared[variable] = f"{named.name}!"
                self.variables[variable] = text if is_enum_type(named) else json.loads(text)
                text, shown = f"${variable}", f"{name}v{place}"
            chosen.append((f"{name}: {text}", shown))
        if not chosen:
            return "", ""
        return f"({', '.join(one for one, _ in chosen)})", "_".join(shown for _, shown in chosen)

    def _condition(self) -> str:
        if self._random.random() < 0.85:
            return ""
        directive = self._random.choice(["skip", "include"])
        value = self._random.choice(["true", "false", "$yes", "$no", "$usual"])
        if value == "$usual":
            self._declared["usual"] = "Boolean = true"
        elif value.startswith("$"):
            self._declared[value[1:]] = "Boolean!"
            self.variables[value[1:]] = value == "$yes"
        return f" @{directive}(if: {value})"
