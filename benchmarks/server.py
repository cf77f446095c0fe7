"""The product's server as `headwater serve` runs it, with one route more: the peer of P4.

The peer stands in kpi's own application, behind the same layers, and does what every route that
takes JSON must: read the body within its limit, parse it strictly, answer 202.
"""

import argparse

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater import serving
from headwater.databases import Urls
from headwater.installation import Installation, Keys
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack
from services.kit import strictjson
from services.kit.clock import Clock
from services.kit.http import JSONResponse, read_body
from services.kit.settings import load

PARSE_PATH = "/kpi/benchmark/parse"


async def parse(request: Request) -> Response:
    strictjson.parse(await read_body(request))
    return JSONResponse({"accepted": 1, "duplicates": 0, "quarantined": 0, "offset": 0}, 202)


class MeasuredStack(Stack):
    def __init__(self, urls: dict[str, Urls], keys: Keys, clock: Clock) -> None:
        super().__init__(urls, keys, clock)
        self.apps["kpi"].router.routes.insert(0, Route(PARSE_PATH, parse, methods=["POST"]))


async def serve(installation: Installation, settings: HeadwaterSettings) -> None:
    stack = MeasuredStack(installation.urls, installation.keys(), settings.clock())
    await serving.server_of(stack, settings.host, settings.port).serve()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    settings = load(HeadwaterSettings, port=arguments.parse_args().port)
    serving.configure_logging(settings.log_level)
    with serving.opened(settings) as installation:
        serving.run(serve(installation, settings))


if __name__ == "__main__":
    main()
