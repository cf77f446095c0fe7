"""Makes plans: fields merged as the specification merges them, types and arguments looked up once."""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    visit,
)

from gateway.execution.plan import Field, Group, Plan, Selection, Serialize, Shape
from gateway.execution.shape import Fragments
from gateway.fields import HOW, How, Kind

Conditions = Mapping[str, bool]
_TEXTS = frozenset({"String", "ID", "Date", "DateTime"})
"""Scalars that services answer as the text that is shown."""


def conditions(document: Node) -> tuple[str, ...]:
    """Variables that say whether a field is there at all."""
    found: set[str] = set()

    class Finder(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            if node.name.value in {"skip", "include"}:
                found.update(
                    argument.value.name.value
                    for argument in node.arguments
                    if isinstance(argument.value, VariableNode)
                )

    visit(document, Finder())
    return tuple(sorted(found))


def compiled(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Fragments,
    answers: Conditions,
) -> Plan:
    root = schema.get_root_type(operation.operation)
    assert root is not None, "validation knows the root types"
    compiling = _Compiling(schema, fragments, answers)
    selection = compiling.selection(root, [operation.selection_set], 0)
    return Plan(operation.operation, selection, tuple(compiling.gathering))


class _Compiling:
    def __init__(self, schema: GraphQLSchema, fragments: Fragments, answers: Conditions) -> None:
        self._schema = schema
        self._fragments = fragments
        self._answers = answers
        self.gathering: list[Field] = []

    def selection(
        self, owner: GraphQLObjectType, sets: Iterable[SelectionSetNode], depth: int
    ) -> Selection:
        selection = Selection(owner.name)
        for key, nodes in self._collected(owner, sets).items():
            name = nodes[0].name.value
            if name == "__typename":
                selection.empty[key] = owner.name
                continue
            selection.empty[key] = None
            self._place(selection, self._field(owner, key, nodes, depth))
        return selection

    @staticmethod
    def _place(selection: Selection, made: Field) -> None:
        how = made.how
        if how is None and not made.is_introspection:
            is_leaf = made.shape.serialize is not None
            (selection.leaves if is_leaf else selection.plain).append(made)
        elif how is None or how.kind in {Kind.JOINED, Kind.STREAM}:
            selection.joined.append(made)
        elif how.kind is Kind.COMPUTED:
            selection.computed.append(made)
        else:
            for group in selection.late:
                if group.fill is how.function:
                    group.fields.append(made)
                    return
            selection.late.append(Group(how.function, [made]))

    def _field(
        self, owner: GraphQLObjectType, key: str, nodes: list[FieldNode], depth: int
    ) -> Field:
        node = nodes[0]
        name = node.name.value
        definition = self._schema.get_field(owner, name)
        assert definition is not None, "validation knows the fields"
        python_name, how = described(definition)
        gathers = how is not None and how.gathers
        is_introspection = name in {"__schema", "__type"}
        # What is below introspection is graphql-core's to answer.
        shape = (
            Shape(required=False)
            if is_introspection
            else self._shape(definition.type, nodes, depth + gathers)
        )
        below = {
            id(one): one for selection in _selections(shape) for one in selection.fields
        }  # fmt: skip
        made = Field(
            key, python_name or name, node, definition, shape, how,
            is_constant=not _mentions_variables(node), depth=depth,
            below=tuple(below.values()), is_introspection=is_introspection,
        )  # fmt: skip
        if gathers:
            self.gathering.append(made)
        return made

    def _shape(self, kind: GraphQLOutputType, nodes: list[FieldNode], depth: int) -> Shape:
        required = is_non_null_type(kind)
        inner: Any = kind.of_type if is_non_null_type(kind) else kind
        if is_list_type(inner):
            return Shape(required, item=self._shape(inner.of_type, nodes, depth))
        if is_leaf_type(inner):
            return Shape(required, serialize=_serializer(inner))
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        possible = self._schema.get_possible_types(inner) if is_abstract_type(inner) else [inner]
        below = {one.name: self.selection(one, sets, depth) for one in possible}
        return Shape(required, below=below)

    def _collected(
        self, owner: GraphQLObjectType, sets: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The fields shown of `owner` by the names they answer under, in the document's order."""
        merged: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()

        def collect(selections: SelectionSetNode) -> None:
            for node in selections.selections:
                if not self._is_included(node):
                    continue
                if isinstance(node, FieldNode):
                    merged.setdefault((node.alias or node.name).value, []).append(node)
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
                if self._is_of(owner, inner):
                    collect(inner.selection_set)

        for selections in sets:
            collect(selections)
        return merged

    def _is_of(
        self, owner: GraphQLObjectType, node: InlineFragmentNode | FragmentDefinitionNode
    ) -> bool:
        if node.type_condition is None:
            return True
        narrowed = self._schema.type_map[node.type_condition.name.value]
        return narrowed is owner or (
            is_abstract_type(narrowed) and self._schema.is_sub_type(narrowed, owner)
        )

    def _is_included(self, node: Any) -> bool:
        for directive in node.directives or ():
            if directive.name.value not in {"skip", "include"}:
                continue
            condition = directive.arguments[0].value
            holds = (
                condition.value
                if isinstance(condition, BooleanValueNode)
                else self._answers[condition.name.value]
            )
            if holds is (directive.name.value == "skip"):
                return False
        return True


def described(definition: GraphQLField) -> tuple[str | None, How | None]:
    """The row's key that a field reads, and what else it takes."""
    known = definition.extensions.get("strawberry-definition")
    if known is None:
        return None, None
    return known.python_name, (known.metadata or {}).get(HOW)


def _selections(shape: Shape) -> Iterable[Selection]:
    while shape.item is not None:
        shape = shape.item
    return shape.below.values()


def _mentions_variables(node: FieldNode) -> bool:
    found = False

    class Finder(Visitor):
        def enter_variable(self, *_: Any) -> None:
            nonlocal found
            found = True

    for argument in node.arguments or ():
        visit(argument, Finder())
    return found


def _serializer(kind: Any) -> Serialize:
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        names = {value.value: name for name, value in named.values.items()}
        return lambda value: names[value]
    full: Serialize = named.serialize
    if named.name in _TEXTS:
        return lambda value: value if type(value) is str else full(value)
    return full
