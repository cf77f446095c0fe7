"""Runs a plan: every field once for all objects of its level, services called side by side.

Nothing here is per object but the copying of leaves. What a field cannot give is null there, with
an error that says why; a required field that is missing takes its object with it, as the
specification wants. One fault under one field of the document is said once, at the first of the
places that it blanks, however many there are.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import GraphQLError, OperationType

from gateway.errors import ServiceRefused
from gateway.execution.asking import Arguments, Ask, Meeting, gatherings
from gateway.execution.plan import Field, Plan, Selection, Shape
from gateway.fields import Function, Kind

Place: TypeAlias = tuple[Any, Any, Any, bool]
"""The place around, the container, the key in it, and whether null is not allowed there."""
Waits: TypeAlias = list[Coroutine[Any, Any, None]]
Rows: TypeAlias = Sequence[Any]
Found: TypeAlias = list[tuple[str, Any, Place, dict[str, Any]]]
_KINDS = {"unit": "Unit", "member": "Rep"}
"""Types of owners by the services' word for them."""


class Running:
    """One run of one plan."""

    def __init__(self, plan: Plan, context: Any, arguments: Arguments) -> None:
        self.errors: list[GraphQLError] = []
        self._plan = plan
        self._context = context
        self._arguments = arguments
        self._said: set[tuple[int, int]] = set()
        self._faults: list[Exception] = []  # kept, so that their ids stay their own
        self._meetings: Mapping[int, Meeting] = {}
        self._is_void = False

    async def data(self, root: Any) -> dict[str, Any] | None:
        selection = self._plan.root
        out = dict(selection.empty)
        if self._plan.kind is OperationType.MUTATION:
            for field in selection.joined:  # one after the other, as they are written
                await self._join(field, [root], [None], [out])
        else:
            self._meetings = gatherings(self._plan, self._arguments)
            await _all(self._walk(selection, [root], [None], [out]))
        return None if self._is_void else out

    def _walk(
        self, selection: Selection, rows: Rows, places: Sequence[Any], outs: list[Any]
    ) -> Waits:
        """Shows what is here and answers what must be waited for.

        Selections of which there is no object are walked too, so that who gathers hears of it.
        """
        waits: Waits = []
        for field in selection.joined:
            waits.append(self._join(field, rows, places, outs))
        for group in selection.late:
            names = [field.name for field in group.fields]
            if all(name in row for row in rows for name in names):
                waits += self._plain(group.fields, rows, places, outs)
            else:
                waits.append(self._late(group.fill, group.fields, rows, places, outs))
        for field in selection.leaves:
            self._leaves(field, rows, places, outs)
        waits += self._plain(selection.plain, rows, places, outs)
        for field in selection.computed:
            assert field.how is not None
            values = self._computed(field, field.how.function, rows)
            waits += self._complete(field, values, places, outs)
        return waits

    def _leaves(self, field: Field, rows: Rows, places: Sequence[Any], outs: list[Any]) -> None:
        key, name, serialize = field.key, field.name, field.shape.serialize
        assert serialize is not None
        for index, row in enumerate(rows):
            value = row.get(name)
            try:
                if value is not None and not isinstance(value, Exception):
                    outs[index][key] = serialize(value)
                    continue
            except Exception as fault:  # noqa: BLE001 - told apart where errors are shown
                value = fault
            self._blank(field, (places[index], outs[index], key, field.shape.required), value)

    def _plain(
        self, fields: Iterable[Field], rows: Rows, places: Sequence[Any], outs: list[Any]
    ) -> Waits:
        waits: Waits = []
        for field in fields:
            if field.how is not None and field.how.then is not None:
                values = self._computed(field, field.how.then, rows)
                waits += self._complete(field, values, places, outs)
            elif field.shape.serialize is not None:
                self._leaves(field, rows, places, outs)
            else:
                name = field.name
                waits += self._complete(field, [row.get(name) for row in rows], places, outs)
        return waits

    def _computed(self, field: Field, function: Function, rows: Rows) -> Rows:
        try:
            arguments = self._arguments.of(field)
        except Exception as fault:  # noqa: BLE001
            return [fault] * len(rows)
        values = []
        for row in rows:
            try:
                values.append(function(row, **arguments))
            except Exception as fault:  # noqa: BLE001
                values.append(fault)
        return values

    async def _join(self, field: Field, rows: Rows, places: Sequence[Any], outs: list[Any]) -> None:
        values: Rows
        try:
            values = await self._joined(field, rows)
        except Exception as fault:  # noqa: BLE001
            values = [fault] * len(rows)
        await _all(self._complete(field, values, places, outs))

    async def _joined(self, field: Field, rows: Rows) -> Rows:
        if field.is_introspection:
            return [self._arguments.introspected(field)]
        if field.how is not None and field.how.kind is Kind.STREAM:
            return rows  # the event is the value
        meeting = self._meetings.get(id(field))
        if meeting is not None:
            return await meeting.join(rows, self._context)
        assert field.how is not None
        arguments = self._arguments.of(field)
        if not rows:
            return []
        found: Rows = await field.how.function(
            rows, Ask(self._context, field.below, self._arguments), **arguments
        )
        assert len(found) == len(rows), "a value for each row"
        return found

    async def _late(
        self, fill: Any, fields: list[Field], rows: Rows, places: Sequence[Any], outs: list[Any]
    ) -> None:
        names = [field.name for field in fields]
        lacking = [index for index, row in enumerate(rows) if not all(n in row for n in names)]
        filled = list(rows)
        try:
            more = await fill(
                [rows[index] for index in lacking], Ask(self._context, fields, self._arguments)
            )
            assert len(more) == len(lacking), "each row, completed"
        except Exception as fault:  # noqa: BLE001
            more = [{**dict.fromkeys(names, fault), **rows[index]} for index in lacking]
        for index, row in zip(lacking, more, strict=True):
            filled[index] = row
        await _all(self._plain(fields, filled, places, outs))

    def _complete(
        self, field: Field, values: Rows, places: Sequence[Any], outs: list[Any]
    ) -> Waits:
        if field.is_introspection:
            for value, out in zip(values, outs, strict=True):
                out[field.key] = value
            return []
        shape, key, found = field.shape, field.key, Found()
        for value, place, out in zip(values, places, outs, strict=True):
            self._put(shape, value, (place, out, key, shape.required), field, found)
        while shape.item is not None:
            shape = shape.item
        waits: Waits = []
        for name, selection in shape.below.items():
            mine = found if len(shape.below) == 1 else [one for one in found if one[0] == name]
            waits += self._walk(
                selection, [one[1] for one in mine], [one[2] for one in mine],
                [one[3] for one in mine],
            )  # fmt: skip
        return waits

    def _put(self, shape: Shape, value: Any, place: Place, field: Field, found: Found) -> None:
        if value is None or isinstance(value, Exception):
            self._blank(field, place, value)
        elif shape.item is not None:
            if not isinstance(value, list | tuple):
                self._blank(field, place, TypeError(f"{field.name} is a list"))
                return
            # In its place before its items are: one of them may have to blank it.
            shown: list[Any] = [None] * len(value)
            place[1][place[2]] = shown
            item = shape.item
            for index, one in enumerate(value):
                self._put(item, one, (place, shown, index, item.required), field, found)
        elif shape.serialize is not None:
            try:
                place[1][place[2]] = shape.serialize(value)
            except Exception as fault:  # noqa: BLE001
                self._blank(field, place, fault)
        elif not isinstance(value, dict):
            self._blank(field, place, TypeError(f"{field.name} is an object"))
        else:
            name = next(iter(shape.below)) if len(shape.below) == 1 else _type_name(value)
            if name not in shape.below:
                self._blank(field, place, TypeError(f"{field.name} is of none of its types"))
                return
            out = dict(shape.below[name].empty)
            place[1][place[2]] = out
            found.append((name, value, place, out))

    def _blank(self, field: Field, place: Place, fault: Any) -> None:
        """Null there, or at the nearest place around where null is allowed; said once a fault."""
        if fault is None and place[3]:
            fault = TypeError(f"{field.node.name.value} is required and was not answered")
        if fault is not None:
            self._say(field, place, fault)
        around: Any = place
        while around is not None and around[3]:
            around = around[0]
        if around is None:
            self._is_void = True
        else:
            around[1][around[2]] = None

    def _say(self, field: Field, place: Place, fault: Exception) -> None:
        if isinstance(fault, ServiceRefused):
            once = (id(fault), id(field))
            if once in self._said:
                return
            self._said.add(once)
            self._faults.append(fault)
        path: list[str | int] = []
        around: Any = place
        while around is not None:
            path.append(around[2])
            around = around[0]
        path.reverse()
        message = fault.message if isinstance(fault, GraphQLError) else str(fault)
        self.errors.append(GraphQLError(message, field.node, path=path, original_error=fault))


def _type_name(row: Mapping[str, Any]) -> str:
    """The empty text where the row does not say what it is."""
    named: str = row.get("__typename") or _KINDS.get(row.get("kind", ""), "")
    return named


async def _all(waits: Waits) -> None:
    if len(waits) == 1:
        await waits[0]
    elif waits:
        await asyncio.gather(*waits)
