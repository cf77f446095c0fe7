"""What stub services share."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.kit.auth import Verifier, Viewer

UNIT = "0190c000-0000-7000-8000-0000000000a0"
TEAM = "0190c000-0000-7000-8000-0000000000a1"
MANAGER = "0190c000-0000-7000-8000-0000000000b0"


def rep_id(number: int) -> str:
    return f"0190c000-0000-7000-8000-{number:012d}"


def problem(status: int, code: str, detail: str, path: str | None = None) -> Response:
    body = {"status": status, "code": code, "detail": detail, "path": path}
    return JSONResponse(body, status, media_type="application/problem+json")


@dataclass
class Stub:
    """A service that counts what it is asked; `fault` answers instead of it."""

    verifier: Verifier
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Any] | None = None

    acts: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of everything that was to change something."""
    refusal: Response | None = None
    """What acts are refused with."""

    async def viewer(self, request: Request) -> Viewer:
        return await self.verifier.viewer(request.headers)

    def serving(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            self.calls[request.url.path] += 1
            self.requests.append(request)
            if self.fault is not None:
                found = await self.fault(request)
                if found is not None:
                    return found
            return await answer(request)

        return endpoint

    def acting(self, answer: Callable[[Request, Any], Any]) -> Callable[[Request], Any]:
        async def act(request: Request) -> Response:
            body = await request.json()
            self.acts.append((request.method, request.url.path, body))
            return self.refusal or JSONResponse(answer(request, body))

        return self.serving(act)


@dataclass
class Following(Stub):
    """Follows a log per tenant whose entries each change one subject."""

    entries: dict[str, list[str]] = field(default_factory=dict)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def change(self, tenant: str, *subjects: str) -> int:
        async with self.moved:
            log = self.entries.setdefault(tenant, [])
            log.extend(subjects)
            self.moved.notify_all()
            return len(log)

    async def changes(self, request: Request) -> Response:
        viewer = await self.viewer(request)
        assert (viewer.role, viewer.service) == ("service", "gateway")
        log = self.entries.setdefault(viewer.tenant, [])
        after = int(request.query_params["after"])
        async with self.moved:
            if after >= 0:
                await self.moved.wait_for(lambda: len(log) > after)
            subjects = sorted(set(log[after:])) if after >= 0 else []
            return JSONResponse({"offset": len(log), "subjects": subjects})
