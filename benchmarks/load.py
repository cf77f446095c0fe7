"""wrk over prepared requests: each worker's share of a file is sent as it stands, in turn."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.sizes import CONNECTIONS

_SCRIPT = Path(__file__).with_name("requests.lua")
_RESULT = re.compile(r"^RESULT (.*)$", re.MULTILINE)


def request(url: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole POST of JSON."""
    lines = [
        f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}",
        "Content-Type: application/json", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + body


async def send(
    url: str, requests: list[bytes], seconds: int, folder: Path, connections: int = CONNECTIONS
) -> dict[str, Any]:
    """Requests answered, a second, and the answers' times; anything but 2xx is a failure.

    One thread, because the load generator has one core.
    """
    file = folder / "requests"
    file.write_bytes(b"".join(b"%d\n%s" % (len(one), one) for one in requests))
    process = await asyncio.create_subprocess_exec(
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s",
        "--timeout", "10s", "--script", str(_SCRIPT), url, "--", str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told = (await process.communicate())[0].decode(errors="replace")
    result = _RESULT.search(told)
    if process.returncode or result is None:
        raise AssertionError(f"wrk failed:\n{told}")
    found = orjson.loads(result[1])
    if found["failed"]:
        raise AssertionError(f"{found['failed']} requests were not answered with 2xx:\n{told}")
    whole = found["requests"] - found["partial"]
    return {
        "requests": found["requests"],
        "partial": found["partial"],
        "per_second": whole / found["micros"] * 1e6,
        "p50_ms": found["p50_micros"] / 1e3,
        "p99_ms": found["p99_micros"] / 1e3,
    }
