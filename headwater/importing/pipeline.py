"""`headwater import deals` and the like: rows to a connection, whose mapping says what they mean.

A row's key is its content, so rows that were taken before are duplicates. At most two requests are
under way, and never two that speak of the same thing: a later row replaces an earlier one.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import Progress, TaskID

from headwater.importing import access, csvfile, report
from headwater.importing.access import Answered, Api
from headwater.importing.csvfile import CsvFile, Row
from headwater.importing.document import Settings
from headwater.importing.outcome import NAMES, Delivered, look_at_quarantine, tell
from headwater.importing.people import facts_arrive, load_yaml, make_tenant, tenant_of
from headwater.settings import HeadwaterSettings
from services.kit import limits
from services.kit.errors import Invalid, ProjectionBehind
from services.kpi.domain import mapping
from services.kpi.domain.mapping import CompiledMapping
from services.kpi.domain.mapping.paths import compile_path
from services.kpi.domain.observation import ID_FIELD, Record
from services.kpi.domain.wire import scalar

_ROWS = 500
_BYTES = limits.IMPORT_BODY_BYTES // 2
_REQUESTS = 2
_STILL_SECONDS = 60.0
_PATHS = {*ID_FIELD.values(), "source", "key", "version", "path"}
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*|"[^"\\]*"')


@dataclass(frozen=True, slots=True)
class _Chunk:
    body: bytes
    rows: int
    sources: frozenset[str]


def records(
    settings: HeadwaterSettings, record: Record, file: Path, mapping_file: Path
) -> Delivered:
    """Import deals, contracts or what else `record` names; the same file again changes nothing."""
    document = load_yaml(mapping_file)
    compiled = mapping.compile(document)
    tenant = compiled.tenant
    if compiled.record != record:
        what = f"the mapping is of {NAMES[compiled.record]}, not of {NAMES[record]}"
        raise Invalid(f"record: {what}", path="record")
    if tenant is None:
        raise Invalid("tenant: an import needs to know whose these are", path="tenant")
    source = csvfile.checked(file)
    _need_columns(compiled, source)

    async def work(api: Api) -> Delivered:
        console = report.console()
        await _tenant(api, compiled, console)
        await _connect(api, compiled, document, console)
        delivered = await _deliver(api, compiled, source)
        await _count(api, delivered.offset)
        await look_at_quarantine(api, compiled.connection, delivered)
        tell(console, compiled, source, delivered)
        return delivered

    return access.run(settings, tenant, work)


def _need_columns(compiled: CompiledMapping, source: CsvFile) -> None:
    """A misspelt column would read as a gap in every row."""
    for place, path in _paths(compiled.document, ""):
        name = path.strip().strip('"')
        if _NAME.fullmatch(path.strip()) and name not in source.columns:
            have = ", ".join(source.columns)
            source.refuse(1, f"{place} reads the column {name!r}; the file has {have}")


def _paths(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every path of a canonical document that is read from the row itself."""
    if isinstance(node, dict):
        for key, inner in node.items():
            here = f"{place}.{key}" if place else key
            if (key in _PATHS or ".lines[" in place) and isinstance(inner, str):
                yield here, inner
            elif key not in {"lookups", "pipeline", "eq", "in"}:
                yield from _paths(inner, here)
    elif isinstance(node, list | tuple):
        for number, inner in enumerate(node):
            yield from _paths(inner, f"{place}[{number}]")


async def _tenant(api: Api, compiled: CompiledMapping, console: Console) -> None:
    """Records may come before members: then the mapping says enough to make the tenant."""
    found = await tenant_of(api)
    if found is None:
        if compiled.currency is None:
            raise Invalid("the tenant is not there yet: import its members first", path="tenant")
        await make_tenant(api, Settings(zone=compiled.document["zone"], currency=compiled.currency))
    elif found["zone"] != compiled.document["zone"]:
        console.print(
            f"[yellow]Days are read in {compiled.document['zone']}, but {api.tenant} counts them in "
            f"{found['zone']}: a date may fall on the day before or after.[/]"
        )
    await facts_arrive(api)


async def _connect(
    api: Api, compiled: CompiledMapping, document: dict[str, Any], console: Console
) -> None:
    path = f"/kpi/v1/connections/{compiled.connection}"
    connection = await api.call("PUT", path, {"mapping": document})
    if connection["secret"]:
        console.print(
            f"The connection {compiled.connection} is new. Its webhooks go to "
            f"{connection['webhook_path']}, signed with {connection['secret']} (shown only now).",
            soft_wrap=True,
        )


async def _deliver(api: Api, compiled: CompiledMapping, source: CsvFile) -> Delivered:
    delivered = Delivered()
    path = f"/kpi/v1/connections/{compiled.connection}/deliveries"
    under_way: dict[asyncio.Task[Any], _Chunk] = {}
    with report.bars() as bars:
        task = bars.add_task("rows", total=source.rows, note="")

        async def settle(until: Callable[[], bool]) -> None:
            while not until():
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for request in done:
                    chunk = under_way.pop(request)
                    _add(delivered, request.result())
                    bars.update(task, advance=chunk.rows, note=delivered.note())

        try:
            for chunk in _chunks(compiled, source, delivered):
                await settle(partial(_may_leave, chunk, under_way))
                under_way[asyncio.create_task(api.call("POST", path, chunk.body))] = chunk
                await asyncio.sleep(0)
            await settle(lambda: not under_way)
        finally:
            for request in under_way:
                request.cancel()
    return delivered


def _may_leave(chunk: _Chunk, under_way: Mapping[Any, _Chunk]) -> bool:
    others = under_way.values()
    return len(others) < _REQUESTS and all(chunk.sources.isdisjoint(o.sources) for o in others)


def _add(delivered: Delivered, answer: dict[str, int]) -> None:
    delivered.accepted += answer["accepted"]
    delivered.duplicates += answer["duplicates"]
    delivered.quarantined += answer["quarantined"]
    delivered.offset = max(delivered.offset, answer["offset"])


def _chunks(compiled: CompiledMapping, source: CsvFile, delivered: Delivered) -> Iterator[_Chunk]:
    """The rows as JSON arrays, each within what one delivery may hold."""
    names = compiled.document["source"]
    source_of = compile_path(names, "source") if names else lambda _cells: None
    # Only where every observation has conditions can a row have none.
    may_be_empty = all(entry["when"] for entry in compiled.document["observations"])
    parts: list[bytes] = []
    sources: list[Any] = []
    size = 0
    for row in source:
        part = _json(row, source)
        if parts and (len(parts) == _ROWS or size + len(part) > _BYTES):
            yield _chunk(parts, sources)
            parts, sources, size = [], [], 0
        parts.append(part)
        sources.append(source_of(row.cells))
        size += len(part) + 1
        if may_be_empty and compiled.drafts(row.cells) == []:
            delivered.empty += 1
    yield _chunk(parts, sources)


def _json(row: Row, source: CsvFile) -> bytes:
    part = orjson.dumps(row.cells)
    if len(part) > _BYTES:
        source.refuse(row.line, f"the row is larger than {_BYTES:,} bytes; those before are stored")
    return part


def _chunk(parts: list[bytes], sources: Iterable[Any]) -> _Chunk:
    texts = frozenset(text for text in map(scalar, sources) if text)
    return _Chunk(b"[" + b",".join(parts) + b"]", len(parts), texts)


async def _count(api: Api, offset: int) -> None:
    """Wait until the funnel shows the last row; it is stored whatever happens here."""
    with report.bars() as bars:
        task = bars.add_task("counting", total=offset, note="")
        still = 0.0
        while not await _reached(api, offset):
            before = bars.tasks[0].completed
            await _show_progress(api, bars, task)
            # Each look waited for as long as a read with min_offset waits.
            moved = bars.tasks[0].completed > before
            still = 0.0 if moved else still + limits.MIN_OFFSET_WAIT_SECONDS
            if still > _STILL_SECONDS:
                raise ProjectionBehind(
                    f"every row is stored, but the funnel has not moved for {_STILL_SECONDS:.0f} s: "
                    "is kpi running? It goes on by itself"
                )
        bars.update(task, completed=offset)


async def _reached(api: Api, offset: int) -> bool:
    try:
        await api.call("GET", "/kpi/v1/deals", query={"limit": 1, "min_offset": offset})
    except Answered as refusal:
        if refusal.code != "projection_behind":
            raise
        return False
    return True


async def _show_progress(api: Api, bars: Progress, task: TaskID) -> None:
    now = await api.call("GET", "/kpi/v1/changes", query={"after": -1})
    bars.update(task, completed=now["offset"])
