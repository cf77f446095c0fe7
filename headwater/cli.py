"""`headwater`: the composition root's commands. Imports are late, so that each starts fast."""

import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

app = typer.Typer(
    name="headwater", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="The open backend for sales performance.",
)  # fmt: skip
imports = typer.Typer(no_args_is_help=True, help="Load a CRM's or ERP's export by a mapping file.")
app.add_typer(imports, name="import")

_OWN_PORTS = {"gateway": 8000, "targets": 8001, "customers": 8002, "incentives": 8003, "kpi": 8004}


class Part(StrEnum):
    all = "all"
    gateway = "gateway"
    targets = "targets"
    customers = "customers"
    incentives = "incentives"
    kpi = "kpi"


class Document(StrEnum):
    graphql = "graphql"
    openapi = "openapi"
    events = "events"


def _settings(**given: Any) -> Any:
    from headwater.environment import check
    from headwater.settings import HeadwaterSettings
    from services.kit.settings import load

    check()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return load(HeadwaterSettings, **{k: v for k, v in given.items() if v is not None})


@app.command()
def serve(
    part: Annotated[
        Part, typer.Argument(help="which part; all in one process by default")
    ] = Part.all,
    port: Annotated[int | None, typer.Option(help="HEADWATER_PORT")] = None,
) -> None:
    """Run everything, or one part alone."""
    from headwater import serving
    from headwater.databases import SERVICES

    settings = _settings(port=port)
    if part is not Part.all and "port" not in settings.model_fields_set:
        settings = settings.model_copy(update={"port": _OWN_PORTS[part]})
    serving.configure_logging(settings.log_level)
    # The gateway has no database.
    services = SERVICES if part is Part.all else [s for s in SERVICES if s == part]
    with serving.opened(settings, services) as installation:
        keys, clock = installation.keys(), settings.clock()
        if part is Part.all:
            serving.run(serving.serve_all(installation, keys, clock))
        else:
            serving.run(serving.serve_part(part, installation, keys, clock))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="port to serve on")] = 8000,
    reload: Annotated[bool, typer.Option(help="start again on every change of the code")] = False,
) -> None:
    """Run everything with the demo company loaded and a trickle of events."""
    from headwater.demo import run

    run.demo(_settings(port=port), reload=reload)


@app.command()
def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="all by default")] = None,
) -> None:
    """Bring databases to the current schema; safe to run twice and at once."""
    from headwater import serving
    from headwater.databases import SERVICES

    wanted = services or list(SERVICES)
    unknown = sorted(set(wanted) - set(SERVICES))
    if unknown:
        raise typer.BadParameter(f"no service {', '.join(unknown)}: {', '.join(SERVICES)}")
    with serving.opened(_settings(), migrate=False) as installation:
        changed = installation.migrate(wanted)
    print(f"migrated: {', '.join(changed)}" if changed else "every database is current")


@app.command()
def token(
    tenant: Annotated[str, typer.Option(help="the tenant's short name")],
    role: Annotated[str, typer.Option(help="rep, manager, sales_ops, finance, admin, …")],
    member: Annotated[str | None, typer.Option(help="id of the member who holds it")] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 30)] = 24,
) -> None:
    """Print a development token; refused where a real issuer is configured."""
    from headwater.installation import Installation
    from services.kit.auth import ROLES, Role, issuers

    settings = _settings()
    if settings.environment == "production" or issuers(settings.issuers):
        raise SystemExit("a real issuer is configured: get tokens from it")
    if role not in ROLES or role == "service":
        raise typer.BadParameter(
            f"a role is one of {', '.join(r for r in ROLES if r != 'service')}"
        )
    keys = Installation(settings).keys()
    print(
        keys.signer.sign(
            tenant=tenant,
            role=cast("Role", role),
            subject=member or role,
            member_id=member,
            seconds=hours * 3600,
        )
    )


@app.command()
def schema(
    document: Annotated[Document, typer.Argument(help="what to print")] = Document.graphql,
    service: Annotated[str, typer.Option(help="whose OpenAPI")] = "kpi",
    check: Annotated[bool, typer.Option(help="compare the committed snapshots")] = False,
    write: Annotated[bool, typer.Option(help="write the snapshots")] = False,
) -> None:
    """Print a contract, or check or write all of their snapshots."""
    import json

    from headwater import snapshots

    if write:
        snapshots.write()
    elif check:
        if found := snapshots.differences():
            print("\n\n".join(found))
            print("\nRun `make snapshots` and review the change.")
            raise typer.Exit(1)
    elif document is Document.openapi:
        print(json.dumps(snapshots.openapi(service), indent=2))
    elif document is Document.events:
        from services.kpi.schemas.events import events_schema

        print(json.dumps(events_schema(), indent=2))
    else:
        from gateway.schema import sdl

        print(sdl())


@app.command()
def doctor(
    tenant: Annotated[str | None, typer.Option(help="all tenants by default")] = None,
) -> None:
    """Rebuild projections beside the live ones and report differences (exit 1 if any)."""
    from headwater import checks, serving

    with serving.opened(_settings()) as installation:
        differences = checks.doctor(installation, tenant)
    if differences:
        raise typer.Exit(1)


@app.command()
def replay(
    tenant: Annotated[str | None, typer.Option(help="all tenants by default")] = None,
) -> None:
    """Rebuild projections from the log and swap them in."""
    from headwater import checks, serving

    with serving.opened(_settings()) as installation:
        checks.replay(installation, tenant)


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the export, as CSV")]
MappingFile = Annotated[Path, typer.Option("--mapping", exists=True, dir_okay=False)]


@imports.command("members")
def import_members(file: File, mapping: MappingFile) -> None:
    """Load people and units into the organisation; a second run changes nothing."""
    from headwater import importing

    importing.members(_settings(), file, mapping)


def _import_of(record: str) -> Callable[[Path, Path], None]:
    def load(file: File, mapping: MappingFile) -> None:
        from headwater import importing

        importing.records(_settings(), cast("Any", record), file, mapping)

    return load


for _rows, _record in {
    "deals": "deal", "contracts": "contract", "collections": "collection", "refunds": "refund",
    "activities": "activity", "customers": "customer",
}.items():  # fmt: skip
    imports.command(
        _rows, help=f"Load {_rows} through the same path as webhooks; a second run changes nothing."
    )(_import_of(_record))


def main() -> None:
    """Run a command; expected failures are one clear line and exit 1."""
    from headwater.postgres import PostgresFailed
    from services.kit.errors import Refusal
    from services.kit.settings import SettingsInvalid

    try:
        app()
    except (SettingsInvalid, PostgresFailed) as failure:
        sys.exit(f"headwater: {failure}")
    except Refusal as refusal:
        where = f" ({refusal.path})" if refusal.path else ""
        sys.exit(f"headwater: {refusal.code}: {refusal.message}{where}")
