"""`headwater import members`: units and people, stated from a day on, and known to kpi at the end."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from headwater.importing import access, csvfile, document, organisation, report
from headwater.importing.access import Answered, Api
from headwater.importing.csvfile import CsvFile
from headwater.importing.document import MembersMapping, Settings
from headwater.importing.organisation import MemberRow, Organisation, UnitRow
from headwater.settings import HeadwaterSettings
from services.kit import limits
from services.kit.errors import Invalid, Unavailable

_UNITS = "/targets/v1/units"
_IDS_PER_CALL = 20
_LOOK_SECONDS = 0.1
_FACTS_SECONDS = 120.0
_NO_TENANT = {"forbidden", "tenant_not_configured"}
R = TypeVar("R", UnitRow, MemberRow)


@dataclass(slots=True)
class Stated:
    """How many rows of the organisation were new, differed, or were known already."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def add(self, answer: Mapping[str, int]) -> None:
        self.created += answer["created"]
        self.changed += answer["changed"]
        self.unchanged += answer["unchanged"]


def members(settings: HeadwaterSettings, file: Path, mapping_file: Path) -> Stated:
    """Import the organisation; the same file again changes nothing."""
    mapping = document.read(load_yaml(mapping_file))
    source = csvfile.checked(file)
    wanted = organisation.of(mapping, source)

    async def work(api: Api) -> Stated:
        note = await _tenant(api, mapping.settings)
        stated = await _state(api, mapping, source, wanted)
        await facts_arrive(api)
        _tell(mapping, source, wanted, stated, note)
        return stated

    return access.run(settings, mapping.tenant, work)


def load_yaml(path: Path) -> Any:
    """The document in a mapping file; a fault names its line."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise Invalid(f"{path.name}{line}: {wrong.problem}", path=path.name) from None
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise Invalid(f"{path.name} is not YAML: {wrong}", path=path.name) from None


async def tenant_of(api: Api) -> dict[str, Any] | None:
    """The tenant as targets knows it; None where it is not there yet."""
    try:
        found: dict[str, Any] = await api.call("GET", "/targets/v1/tenant")
    except Answered as refusal:
        if refusal.code in _NO_TENANT:
            return None
        raise
    api.tenant_id = found["id"]
    return found


async def make_tenant(api: Api, settings: Settings) -> None:
    path = f"/targets/v1/tenants/{api.tenant}"
    api.tenant_id = (await api.call("PUT", path, settings.model_dump()))["id"]


async def _tenant(api: Api, settings: Settings) -> str:
    """Make the tenant where it is missing; what to say about it."""
    found = await tenant_of(api)
    if found is None:
        await make_tenant(api, settings)
        return f"made: {settings.zone}, {settings.currency}"
    differing = [k for k, value in settings.model_dump().items() if found[k] != value]
    return f"keeps its own {', '.join(differing)}" if differing else "as it was"


async def _state(
    api: Api, mapping: MembersMapping, source: CsvFile, wanted: Organisation
) -> Stated:
    stated = Stated()
    common = {"connection": mapping.connection, "as_of": mapping.since.isoformat()}

    async def post(units: Sequence[UnitRow], people: Sequence[MemberRow], managed: bool) -> Any:
        body = {
            **common,
            "units": [unit.wire(managed=managed) for unit in units],
            "members": [member.wire() for member in people],
        }
        try:
            return await api.call("POST", "/targets/v1/organisation", body)
        except Answered as refusal:
            _refuse(refusal, source, {"units": list(units), "members": list(people)})

    total = len(wanted.units) + len(wanted.members)
    with report.bars() as bars:
        task = bars.add_task("organisation", total=total, note="")
        if max(len(wanted.units), len(wanted.members)) <= limits.ARRAY_ITEMS:
            stated.add(await post(wanted.units, wanted.members, managed=True))
            bars.update(task, completed=total)
            return stated
        # Units need their managers and members their units, so new units come first without.
        new = await _unknown(api, mapping.connection, wanted.units)
        for units in _chunks(new):
            await post(units, [], managed=False)
        for people in _chunks(wanted.members):
            stated.add(await post([], people, managed=True))
            bars.advance(task, len(people))
        for units in _chunks(wanted.units):
            stated.add(await post(units, [], managed=True))
            bars.advance(task, len(units))
    managed_now = sum(unit.manager is not None for unit in new)
    stated.created += len(new)
    stated.changed -= managed_now
    stated.unchanged -= len(new) - managed_now
    return stated


async def _unknown(api: Api, connection: str, units: Sequence[UnitRow]) -> list[UnitRow]:
    known: set[str] = set()
    for number in range(0, len(units), _IDS_PER_CALL):
        asked = [f"{connection}:{u.external_id}" for u in units[number : number + _IDS_PER_CALL]]
        found = await api.call("GET", _UNITS, query={"id": asked})
        known.update(unit["external_id"] for unit in found["items"])
    return [unit for unit in units if f"{connection}:{unit.external_id}" not in known]


def _chunks(rows: Sequence[R]) -> Iterator[Sequence[R]]:
    for number in range(0, len(rows), limits.ARRAY_ITEMS):
        yield rows[number : number + limits.ARRAY_ITEMS]


def _refuse(
    refusal: Answered, source: CsvFile, sent: Mapping[str, list[UnitRow] | list[MemberRow]]
) -> NoReturn:
    line = organisation.line_of(refusal.path, sent)
    if line is None:
        raise refusal
    raise Answered(
        refusal.code, f"{source.path.name}, line {line}: {refusal.message}",
        path=f"line {line}", status=refusal.answer_status,
    ) from None  # fmt: skip


async def facts_arrive(api: Api) -> None:
    """Wait until kpi knows what targets states, so that deals find their owners."""
    first = pending = await _facts_waiting(api)
    if not pending:
        return
    give_up = time.monotonic() + _FACTS_SECONDS
    with report.bars() as bars:
        task = bars.add_task("facts on their way to kpi", total=first, note="")
        while pending:
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"everything is stored, but {pending} facts still wait for kpi: is it running? "
                    "They leave by themselves; deals whose owners kpi does not know wait for them"
                )
            await asyncio.sleep(_LOOK_SECONDS)
            pending = await _facts_waiting(api)
            bars.update(task, completed=max(0, first - pending))


async def _facts_waiting(api: Api) -> int:
    count: int = (await api.call("GET", "/targets/v1/outbox"))["pending"]
    return count


def _tell(
    mapping: MembersMapping, source: CsvFile, wanted: Organisation, stated: Stated, note: str
) -> None:
    rows: list[tuple[str, int | str]] = [
        ("tenant", f"{mapping.tenant} ({note})"),
        ("rows read", source.rows),
        ("units", len(wanted.units)),
        ("members", len(wanted.members)),
        ("… of them managers without a row", wanted.managers),
        ("created", stated.created),
        ("changed", stated.changed),
        ("unchanged", stated.unchanged),
    ]
    console = report.console()
    console.print(report.table(f"members of {source.path.name}", rows))
    if wanted.rows_without_member:
        console.print(
            f"{wanted.rows_without_member:,} rows name no member: only their units count."
        )
    if not stated.created and not stated.changed:
        console.print("Nothing changed: all of it was known already.")
