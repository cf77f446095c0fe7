"""The commands of `headwater import` over the maven example, and an installation to import into."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from headwater import importing, serving
from headwater.settings import HeadwaterSettings
from headwater.stack import Stack
from tests.support.maven import EXAMPLE, TEAMS


def import_members(settings: HeadwaterSettings, folder: Path) -> Any:
    return importing.members(settings, folder / TEAMS, EXAMPLE / "members.yaml")


def import_deals(settings: HeadwaterSettings, file: Path) -> Any:
    return importing.records(settings, "deal", file, EXAMPLE / "deals.yaml")


@contextmanager
def serving_at_a_port(settings: HeadwaterSettings) -> Iterator[str]:
    """A running installation of its own, in a thread."""
    with serving.opened(settings) as installation:
        stack = Stack(installation.urls, installation.keys(), settings.clock())
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            server = serving.server_of(stack, "127.0.0.1", port)
            thread = Thread(target=server.run, args=([listening],))
            thread.start()
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.should_exit = True
                thread.join()
