"""The shape of a document before it is validated: how deep, how many aliases.

Validation compares fields of one name with each other, so a document that writes a field over and
over costs time before it costs anything else: a repeated field counts as an alias does, and
fragments are counted.
Introspection is left out; graphql-core limits its depth, and production refuses it.
"""

from collections.abc import Iterator, Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import DocumentTooDeep, DocumentTooManyAliases, DocumentTooManyFragments
from services.kit import limits

Fragments = Mapping[str, FragmentDefinitionNode]


def fragments_of(document: DocumentNode) -> Fragments:
    return {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }


def check(document: DocumentNode) -> None:
    """Refuse what is too deep or repeats too much, whichever operation will run."""
    repeats = spreads = 0
    for fields, spread in _levels(document):
        repeats += len(fields) - len({node.name.value for node in fields if node.alias is None})
        spreads += spread
    if repeats > limits.GRAPHQL_ALIASES:
        raise DocumentTooManyAliases(
            f"a document may have {limits.GRAPHQL_ALIASES} aliases and repeated fields"
        )
    if spreads > limits.GRAPHQL_FRAGMENTS:
        raise DocumentTooManyFragments(
            f"a document may spread fragments {limits.GRAPHQL_FRAGMENTS} times"
        )
    depths = _Depths(fragments_of(document))
    try:
        deepest = max(
            (
                depths.of(node.selection_set)
                for node in document.definitions
                if isinstance(node, OperationDefinitionNode)
            ),
            default=0,
        )
    except RecursionError:
        deepest = limits.GRAPHQL_DEPTH + 1
    if deepest > limits.GRAPHQL_DEPTH:
        raise DocumentTooDeep(f"fields may be nested {limits.GRAPHQL_DEPTH} deep")


def _levels(document: DocumentNode) -> Iterator[tuple[list[FieldNode], int]]:
    """The fields that stand side by side, inline fragments unfolded, with the spreads among them."""
    waiting = [
        node.selection_set
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while waiting:
        fields, spreads = [], 0
        level = [waiting.pop()]
        while level:
            for node in level.pop().selections:
                if isinstance(node, FieldNode):
                    fields.append(node)
                elif isinstance(node, InlineFragmentNode):
                    level.append(node.selection_set)
                else:
                    spreads += 1
        yield fields, spreads
        waiting += [node.selection_set for node in fields if node.selection_set is not None]


class _Depths:
    """Depths of selection sets, a fragment's worked out once; a cycle is validation's to refuse."""

    def __init__(self, fragments: Fragments) -> None:
        self._fragments = fragments
        self._known: dict[str, int] = {}

    def of(self, selections: SelectionSetNode) -> int:
        deepest = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                deepest = max(deepest, self._of_fragment(node.name.value))
            elif isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    below = self.of(node.selection_set) if node.selection_set else 0
                    deepest = max(deepest, 1 + below)
            elif isinstance(node, InlineFragmentNode):
                deepest = max(deepest, self.of(node.selection_set))
        return deepest

    def _of_fragment(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = 0
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._known[name] = self.of(fragment.selection_set)
        return self._known[name]
