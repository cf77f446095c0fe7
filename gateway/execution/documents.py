"""Documents, each read once: parsed, measured, validated and costed, then kept by its hash.

Validation is most of what a document costs in Python, and clients send the same few documents all
day. What is kept is bounded by number and by size; what is refused is not kept.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from gateway.errors import (
    PARSE_FAILED,
    VALIDATION_FAILED,
    DocumentRefused,
    DocumentTooDeep,
    DocumentTooLong,
    OperationUnknown,
)
from gateway.execution import compiling, cost, shape
from gateway.execution.plan import Plan
from services.kit import limits
from services.kit.errors import Refusal

_ERRORS_SHOWN = 10
_COMMENTS = 500


_PLANS = 8
"""Plans kept of one operation: one for each set of answers to its @skip and @include."""


@dataclass(frozen=True, slots=True)
class Operation:
    kind: OperationType
    name: str | None
    node: OperationDefinitionNode
    parts: tuple[cost.Part, ...]
    conditions: tuple[str, ...]
    compile: Callable[[Mapping[str, bool]], Plan]
    plans: dict[tuple[bool, ...], Plan] = field(default_factory=dict)

    def check_cost(self, variables: Mapping[str, Any]) -> None:
        cost.check(self.parts, variables)

    def plan(self, variables: Mapping[str, Any]) -> Plan:
        """How it runs with these variables, as their types have them; GraphQLError where one that
        decides whether a field is there is null, which its default lets through validation.
        """
        answers = {name: variables[name] for name in self.conditions if name in variables}
        for name, answer in answers.items():
            if answer is None:
                raise GraphQLError(f"Variable '${name}' decides @skip or @include: it is not null.")
        key = tuple(answers.values())
        plan = self.plans.get(key)
        if plan is None:
            plan = self.compile(answers)
            if len(self.plans) >= _PLANS:
                self.plans.clear()
            self.plans[key] = plan
        return plan


@dataclass(frozen=True, slots=True)
class Document:
    node: DocumentNode
    operations: Mapping[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The one that is meant, as the specification says."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name) if name is not None else None
        if found is None:
            named = ", ".join(sorted(filter(None, self.operations)))
            raise OperationUnknown(f"name one of the document's operations: {named or 'none'}")
        return found


class Documents:
    def __init__(self, schema: GraphQLSchema, *, introspection: bool) -> None:
        self._schema = schema
        self._rules = list(specified_rules)
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._hide_suggestions = not introspection
        self._kept: OrderedDict[bytes, Document] = OrderedDict()
        self._kept_tokens = 0
        self.read = 0

    async def prepare(self, source: str) -> Document:
        """The document behind `source`, or a refusal that says why it will not run."""
        key = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        # In a thread: a document made to be slow would hold up everybody's loop.
        document = await asyncio.to_thread(self._read, source)
        self._keep(key, document)
        return document

    def _keep(self, key: bytes, document: Document) -> None:
        if key not in self._kept:  # another request may have read it meanwhile, in its thread
            self._kept[key] = document
            self._kept_tokens += document.node.token_count
        while (
            len(self._kept) > limits.GRAPHQL_DOCUMENTS
            or self._kept_tokens > limits.GRAPHQL_DOCUMENT_TOKENS
        ):
            _, dropped = self._kept.popitem(last=False)
            self._kept_tokens -= dropped.node.token_count

    def _read(self, source: str) -> Document:
        self.read += 1
        try:
            node = parse(source, max_lexical_tokens=limits.GRAPHQL_TOKENS, max_comments=_COMMENTS)
        except GraphQLError as error:
            raise _unread(error) from None
        shape.check(node)
        errors = validate(
            self._schema, node, self._rules,
            max_errors=_ERRORS_SHOWN, hide_suggestions=self._hide_suggestions,
        )  # fmt: skip
        if errors:
            raise DocumentRefused(errors[:_ERRORS_SHOWN], VALIDATION_FAILED)
        fragments = shape.fragments_of(node)
        conditions = compiling.conditions(node)
        operations = [
            Operation(
                one.operation,
                one.name.value if one.name else None,
                one,
                cost.parts(self._schema, one, fragments),
                conditions,
                partial(compiling.compiled, self._schema, one, fragments),
            )
            for one in node.definitions
            if isinstance(one, OperationDefinitionNode)
        ]
        return Document(node, {operation.name: operation for operation in operations})


def _unread(error: GraphQLError) -> Refusal:
    """graphql-core tells its limits from syntax errors by their words alone."""
    if "Parsing aborted" not in error.message:
        return DocumentRefused([error], PARSE_FAILED)
    if "nested too deeply" in error.message:
        return DocumentTooDeep(f"fields may be nested {limits.GRAPHQL_DEPTH} deep")
    return DocumentTooLong(
        f"a document may have {limits.GRAPHQL_TOKENS} tokens and {_COMMENTS} comments"
    )
