"""P1 and P2: RepBoard and TeamBoard with authentication, against the peers on the same data.

The documents are limited to what both sides serve (benchmarks/documents; PostGraphile's dialect
lies beside it in peers). Before anything is timed, both sides answer the same reps and the figures
are compared.
"""

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson

from benchmarks import board_company, load, nodes, peer_data
from benchmarks.board_company import quarter
from benchmarks.company import Company
from benchmarks.fleet import running_apart
from benchmarks.machine import Cores
from benchmarks.results import Row
from benchmarks.sizes import ALONE_CONNECTIONS, BOARD_CONNECTIONS, Size
from benchmarks.stand import Server, headwater, running
from headwater.databases import SERVICES
from headwater.postgres import EmbeddedPostgres
from services.kit.period import Calendar, Period

_DOCUMENTS = Path(__file__).with_name("documents")
_REQUESTS = 2_000
_COMPARED = 5
_REPS_EACH = 50
BARS = {
    ("P1", "RepBoard"): ("≥ 1.0×", "≥ 1.5×"), ("P1", "TeamBoard"): ("≥ 1.0×", "≥ 1.5×"),
    ("P2", "RepBoard"): ("≥ 0.5×", "≥ 2×"), ("P2", "TeamBoard"): ("≥ 0.5×", "≥ 1.3×"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Board:
    """A document with the variables of each request, and where its figures are in an answer."""

    name: str
    document: str
    variables: Sequence[dict[str, Any]]
    figures: Callable[[Any], Any]
    headers: Sequence[dict[str, str]]
    """Who asks: one for all requests, or one for each of the variables."""
    connections: int = BOARD_CONNECTIONS

    def asks(self, number: int) -> tuple[dict[str, str], bytes]:
        body = {"query": self.document, "variables": self.variables[number]}
        return self.headers[number % len(self.headers)], orjson.dumps(body)

    def requests(self, url: str) -> list[bytes]:
        chance = random.Random(1)
        asked = [self.asks(chance.randrange(len(self.variables))) for _ in range(_REQUESTS)]
        return [load.request(url, "/graphql", *one) for one in asked]


def ours(company: Company, period: str) -> list[Board]:
    """Also Mercurius serves these: the same documents over the same services.

    One viewer who sees everybody asks for most; then every rep for their own board.
    """
    rep, team = (
        (_DOCUMENTS / f"{name}.graphql").read_text() for name in ("rep_board", "team_board")
    )
    one, each = [company.bearer("finance")], [company.bearer("rep", id_) for id_ in company.reps]
    reps = [{"rep": id_, "period": period} for id_ in company.reps]
    teams = [{"unit": id_, "period": period, "metric": "sales"} for id_ in _teams(company)]
    return [
        Board("RepBoard", rep, reps, peer_data.rep_figures, one),
        Board("TeamBoard", team, teams, peer_data.team_figures, one),
        Board(
            "RepBoard, each rep's own", rep, reps, peer_data.rep_figures, each, ALONE_CONNECTIONS
        ),
    ]


def postgraphile(company: Company, period: Period) -> list[Board]:
    rep, team = (
        (nodes.PEERS / f"{name}.graphql").read_text() for name in ("rep_board", "team_board")
    )
    span = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    reps = [{"rep": id_, "period": period.code, **span} for id_ in company.reps]
    teams = [{"unit": id_, "period": period.code, "metric": "sales"} for id_ in _teams(company)]
    return [
        Board("RepBoard", rep, reps, peer_data.flat_rep_figures, [{}]),
        Board("TeamBoard", team, teams, peer_data.flat_team_figures, [{}]),
        Board(
            "RepBoard, each rep's own",
            rep,
            reps,
            peer_data.flat_rep_figures,
            [{}],
            ALONE_CONNECTIONS,
        ),
    ]


def _teams(company: Company) -> list[str]:
    return [unit for name, unit in company.units.items() if name.startswith("team")]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two that are compared: where it listens and what it is asked."""

    url: str
    boards: Sequence[Board]


async def _same(left: Side, right: Side) -> None:
    """Both give the same figures, and neither an error."""
    async with httpx.AsyncClient(timeout=30) as client:
        for mine, other in zip(left.boards, right.boards, strict=True):
            for number in range(_COMPARED):
                found = []
                for side, board in ((left, mine), (right, other)):
                    headers, body = board.asks(number)
                    answer = await client.post(
                        f"{side.url}/graphql", content=body,
                        headers={"content-type": "application/json", **headers},
                    )  # fmt: skip
                    told = answer.json()
                    if "errors" in told:
                        raise AssertionError(f"{side.url} {board.name}: {told['errors']}")
                    found.append(board.figures(told["data"]))
                if found[0] != found[1]:
                    raise AssertionError(f"{mine.name}: {found[0]} against {found[1]}")


async def _compare(
    number: str, left: Side, right: Side, peer: str, size: Size, folder: Path,
    advance: Callable[[], None],
) -> list[Row]:  # fmt: skip
    await _same(left, right)
    rows = []
    for mine, other in zip(left.boards, right.boards, strict=True):
        rounds: list[dict[str, Any]] = []
        for turn in range(3 * size.rounds):
            if len(rounds) == size.rounds:
                break
            ours, theirs = [
                await load.send(
                    side.url, board.requests(side.url), size.board_seconds if turn else 2, folder,
                    board.connections,
                )
                for side, board in ((left, mine), (right, other))
            ]  # fmt: skip
            # The first one warms up; a side that had not answered anything by its end has no rate.
            if turn and ours["per_second"] and theirs["per_second"]:
                ratio = ours["per_second"] / theirs["per_second"]
                rounds.append({"ours": ours, "peer": theirs, "ratio": ratio})
                advance()
        first_bar, goal = BARS.get((number, mine.name), ("", ""))
        rows.append(
            Row(
                number, mine.name, unit="requests/s", peer=peer, rounds=rounds,
                value=median(found["ours"]["per_second"] for found in rounds),
                peer_value=median(found["peer"]["per_second"] for found in rounds),
                ratio=median(found["ratio"] for found in rounds), first_bar=first_bar, goal=goal,
            )
        )  # fmt: skip
    return rows


@contextlib.asynccontextmanager
async def _filled(server: Server, size: Size) -> AsyncIterator[Company]:
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        teams = size.board_reps // _REPS_EACH  # a page of a team is all of it, whatever the order
        company = Company(server, client, name="boards", size=size.board_reps, teams=teams)
        await company.build()
        await board_company.fill(company)
        yield company


async def in_one_process(
    data_dir: Path, size: Size, cores: Cores, advance: Callable[[], None]
) -> tuple[Company, list[Row]]:
    """P2; fills the data directory for P1 too."""
    with running(headwater("serve"), data_dir, cores.server) as server:
        async with _filled(server, size) as company:
            period = Period.parse(quarter(board_company.today()), Calendar())
            # Another handle on the server that the stack has started.
            with EmbeddedPostgres(data_dir / "postgres") as database:
                url = await peer_data.copied(database.url, company, period)
                with nodes.running("postgraphile.mjs", cores.server, DATABASE_URL=url) as peer:
                    mine = Side(server.url, ours(company, period.code))
                    other = Side(peer, postgraphile(company, period))
                    rows = await _compare(
                        "P2", mine, other, "PostGraphile", size, data_dir, advance
                    )
    return company, rows


async def apart(
    company: Company, data_dir: Path, size: Size, cores: Cores, advance: Callable[[], None]
) -> list[Row]:
    """P1: five processes against Mercurius over the same four services."""
    period = quarter(board_company.today())
    with running_apart(data_dir, cores.server) as servers:
        services = orjson.dumps({name: servers[name].url for name in SERVICES}).decode()
        with nodes.running("mercurius.mjs", cores.server, SERVICES=services) as peer:
            mine = Side(servers["gateway"].url, ours(company, period))
            other = Side(peer, ours(company, period))
            return await _compare("P1", mine, other, "Mercurius", size, data_dir, advance)
