"""What a document may cost: the objects it may produce.

An object counts one. A list counts as many as its `first` says (20 where it is not given, 100 at
most), a connection's `first` counts for its nodes, and a list without `first` by the size that its
field declares. Sizes multiply downwards; scalars and introspection are free. A size that a
variable gives is read when the document runs.

    reps(first: 50) { nodes { unit { id } } }    1 connection + 50 × (1 rep + 1 unit) = 101
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from gateway.errors import DocumentTooCostly
from gateway.execution.shape import Fragments
from services.kit import limits

LIST_SIZE = "list_size"
"""Key of a field's metadata: how many items a list without `first` has at most in practice."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects a field produces for each parent."""

    number: int
    variable: str | None = None

    def of(self, variables: Mapping[str, Any]) -> int:
        given = variables.get(self.variable) if self.variable is not None else None
        # As Int takes them: 100.0 is a hundred; what it refuses does not run.
        number = self.number
        if isinstance(given, int | float) and not isinstance(given, bool):
            number = int(given)
        return min(max(number, 1), limits.PAGE_MOST)


_ONE = Size(1)


@dataclass(frozen=True, slots=True)
class Part:
    """A field that produces objects, and what each of them produces."""

    size: Size
    parts: tuple["Part", ...]

    def cost(self, variables: Mapping[str, Any]) -> int:
        below = sum(part.cost(variables) for part in self.parts)
        return self.size.of(variables) * (1 + below)


def check(parts: Iterable[Part], variables: Mapping[str, Any]) -> int:
    """The cost, or a refusal."""
    cost = sum(part.cost(variables) for part in parts)
    if cost > limits.GRAPHQL_COST:
        raise DocumentTooCostly(
            f"the document may produce {cost} objects; {limits.GRAPHQL_COST} are allowed: "
            "ask for smaller pages or fewer fields"
        )
    return cost


def parts(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
) -> tuple[Part, ...]:
    """The parts of a valid operation, its fragments unfolded."""
    root = schema.get_root_type(operation.operation)
    assert root is not None, "validation knows the root types"
    defaults = {
        node.variable.name.value: int(node.default_value.value)
        for node in operation.variable_definitions or ()
        if isinstance(node.default_value, IntValueNode)
    }
    return _Reading(schema, fragments, defaults).of(root, [operation.selection_set], None)


class _Reading:
    def __init__(
        self, schema: GraphQLSchema, fragments: Fragments, defaults: Mapping[str, int]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults
        self._seen = 0

    def of(
        self, parent: GraphQLNamedType, sets: Iterable[SelectionSetNode], page: Size | None
    ) -> tuple[Part, ...]:
        found = []
        for owner, nodes in self._fields(parent, sets):
            field = owner.fields.get(nodes[0].name.value)
            if field is None or not is_composite_type(get_named_type(field.type)):
                continue
            # Unfolding may take longer than running may cost; every part costs at least one.
            self._seen += 1
            if self._seen > limits.GRAPHQL_COST:
                raise DocumentTooCostly(
                    f"the document may produce more than {limits.GRAPHQL_COST} objects"
                )
            found.append(self._part(nodes, field, page))
        return tuple(found)

    def _part(self, nodes: list[FieldNode], field: GraphQLField, page: Size | None) -> Part:
        first = self._first(nodes[0], field)
        below = [node.selection_set for node in nodes if node.selection_set is not None]
        named = get_named_type(field.type)
        if not is_list_type(get_nullable_type(field.type)):
            return Part(_ONE, self.of(named, below, first))
        is_page = page is not None and nodes[0].name.value in {"nodes", "edges"}
        size = first or (page if is_page else None) or Size(_declared(field))
        return Part(size, self.of(named, below, None))

    def _first(self, node: FieldNode, field: GraphQLField) -> Size | None:
        if "first" not in field.args:
            return None
        for argument in node.arguments or ():
            if argument.name.value == "first":
                if isinstance(argument.value, IntValueNode):
                    return Size(int(argument.value.value))
                if isinstance(argument.value, VariableNode):
                    name = argument.value.name.value
                    return Size(self._defaults.get(name, limits.PAGE_DEFAULT), name)
        return Size(limits.PAGE_DEFAULT)

    def _fields(
        self, parent: GraphQLNamedType, sets: Iterable[SelectionSetNode]
    ) -> Iterator[tuple[GraphQLObjectType | GraphQLInterfaceType, list[FieldNode]]]:
        """Fields by the type that has them and the name they answer under, as they are merged."""
        merged: dict[
            tuple[str, str], tuple[GraphQLObjectType | GraphQLInterfaceType, list[FieldNode]]
        ] = {}
        spread: set[str] = set()
        waiting = [(parent, selections) for selections in sets]
        while waiting:
            owner, selections = waiting.pop(0)
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType):
                        name = (node.alias or node.name).value
                        merged.setdefault((owner.name, name), (owner, []))[1].append(node)
                    continue
                inner: InlineFragmentNode | FragmentDefinitionNode
                if isinstance(node, FragmentSpreadNode):
                    if node.name.value in spread:
                        continue
                    spread.add(node.name.value)
                    inner = self._fragments[node.name.value]
                else:
                    assert isinstance(node, InlineFragmentNode), "there are three selections"
                    inner = node
                condition = inner.type_condition
                narrowed = self._schema.type_map[condition.name.value] if condition else owner
                waiting.append((narrowed, inner.selection_set))
        yield from merged.values()


def _declared(field: GraphQLField) -> int:
    definition = field.extensions.get("strawberry-definition")
    metadata: Mapping[object, Any] = getattr(definition, "metadata", None) or {}
    size: int = metadata.get(LIST_SIZE, limits.PAGE_DEFAULT)
    return size
