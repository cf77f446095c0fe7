"""Who asks: tokens, their verification, and the roles of the contract.

Two kinds of issuer: the installation itself (Ed25519; development tokens and the five-minute
tokens between services) and configured OpenID issuers (asymmetric algorithms, keys by JWKS).
The tenant comes from a verified claim and from nowhere else.
"""

import asyncio
import json
import logging
import math
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit import limits
from services.kit.errors import Unauthenticated

log = logging.getLogger(__name__)

Role = Literal["rep", "manager", "sales_ops", "finance", "admin", "customer_success", "service"]
ROLES: tuple[Role, ...] = get_args(Role)
INSTALLATION = "headwater"
"""Issuer and audience of tokens that the installation signs."""
ALGORITHMS = (
    "EdDSA",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
)
_REQUIRED = ["iss", "aud", "exp", "sub"]
_REFETCH_SECONDS = 30.0
"""A key id that is not known asks its issuer again, but no sooner than this after the last time."""
_KEYS_FRESH_SECONDS = 600.0
"""How long an issuer's keys are trusted without asking, so that a withdrawn one ends."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The verified caller. `tenant` is the short name; `service` is set for role service only."""

    tenant: str
    role: Role
    subject: str
    member_id: str | None = None
    service: str | None = None
    tenant_id: str | None = None
    token: str = ""

    @property
    def scope(self) -> str:
        """What caches must key by: two viewers with one scope may see the same.

        It says what sort of name it is by: an issuer may call somebody what a member is called.
        """
        for sort, name in (("member", self.member_id), ("service", self.service)):
            if name is not None:
                return f"{self.role}:{sort}:{name}"
        return f"{self.role}:subject:{self.subject}"


@dataclass(frozen=True, slots=True)
class Issuer:
    issuer: str
    audience: str
    jwks_url: str
    tenant_claim: str = "tenant"


def issuers(text: str) -> tuple[Issuer, ...]:
    """HEADWATER_ISSUERS as values."""
    return tuple(Issuer(**entry) for entry in json.loads(text))


class Signer:
    """Signs the installation's own tokens."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> "Signer":
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            new = path.with_suffix(f".{os.getpid()}")
            new.touch(mode=0o600)
            new.write_bytes(pem)
            try:
                os.link(new, path)  # the first of several starting processes wins
            except FileExistsError:
                pass
            finally:
                new.unlink()
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{path}: an Ed25519 private key is needed")
        return cls(key)

    @property
    def public_key(self) -> Any:
        return self._key.public_key()

    def sign(
        self,
        *,
        tenant: str,
        role: Role,
        subject: str,
        seconds: int,
        member_id: str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": INSTALLATION, "aud": INSTALLATION, "sub": subject, "iat": now,
            "exp": now + seconds, "tenant": tenant, "role": role,
        }  # fmt: skip
        if member_id:
            claims["member"] = member_id
        if tenant_id:
            claims["tenant_id"] = tenant_id
        return jwt.encode(claims, self._key, algorithm="EdDSA")

    def service_token(self, service: str, tenant: str, tenant_id: str) -> str:
        """A short-lived token by which `service` acts for one tenant."""
        return self.sign(
            tenant=tenant, tenant_id=tenant_id, role="service", subject=service,
            seconds=limits.SERVICE_TOKEN_SECONDS,
        )  # fmt: skip


class Verifier:
    """Verifies bearer tokens; remembers the ones it verified until they expire."""

    def __init__(
        self, public_key: Any, configured: Sequence[Issuer] = (), *, development_tokens: bool = True
    ) -> None:
        self._public_key = public_key
        self._issuers = {entry.issuer: entry for entry in configured}
        # With a real issuer, the installation's key vouches for services alone.
        self._only_services = bool(configured) or not development_tokens
        self._keys: dict[str, tuple[float, dict[str, Any]]] = {}
        self._seen: OrderedDict[str, tuple[float, Viewer]] = OrderedDict()
        self._fetching = asyncio.Lock()

    async def viewer(self, headers: Mapping[str, str]) -> Viewer:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send a token: Authorization: Bearer …")
        return await self.verify(token.strip())

    async def verify(self, token: str) -> Viewer:
        """The viewer behind `token`; Unauthenticated says why not, without echoing the token."""
        known = self._seen.get(token)
        if known is not None and known[0] > time.time():
            return known[1]
        try:
            claimed = jwt.decode(token, options={"verify_signature": False})
            if claimed.get("iss") == INSTALLATION:
                claims = self._decode(
                    token, self._public_key, INSTALLATION, INSTALLATION, ["EdDSA"]
                )
                viewer = self._installation_viewer(claims, token)
            else:
                issuer = self._issuers.get(str(claimed.get("iss")))
                if issuer is None:
                    raise Unauthenticated("the token's issuer is not configured here")
                key = await self._key(issuer, jwt.get_unverified_header(token).get("kid", ""))
                claims = self._decode(token, key, issuer.audience, issuer.issuer, ALGORITHMS)
                viewer = _viewer(claims, token, issuer.tenant_claim)
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("the token has expired: get a new one") from None
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
            raise Unauthenticated("the token is not valid here") from None
        self._seen[token] = (float(claims["exp"]), viewer)
        if len(self._seen) > 10_000:
            self._seen.popitem(last=False)
        return viewer

    @staticmethod
    def _decode(
        token: str, key: Any, audience: str, issuer: str, algorithms: Sequence[str]
    ) -> dict[str, Any]:
        return jwt.decode(
            token, key, list(algorithms), audience=audience, issuer=issuer,
            leeway=limits.TOKEN_LEEWAY_SECONDS, options={"require": _REQUIRED},
        )  # fmt: skip

    def _installation_viewer(self, claims: Mapping[str, Any], token: str) -> Viewer:
        viewer = _viewer(claims, token, "tenant")
        if viewer.role == "service":
            return Viewer(
                viewer.tenant, "service", viewer.subject, service=viewer.subject,
                tenant_id=claims.get("tenant_id"), token=token,
            )  # fmt: skip
        if self._only_services:
            raise Unauthenticated("development tokens are off where a real issuer is configured")
        return viewer

    async def _key(self, issuer: Issuer, key_id: str) -> Any:
        if self._must_ask(issuer, key_id):
            async with self._fetching:
                if self._must_ask(issuer, key_id):
                    found = await _fetch_keys(issuer.jwks_url)
                    # An issuer that does not answer takes nothing away from those it vouched for.
                    keys = self._keys_of(issuer)[1] if found is None else found
                    self._keys[issuer.issuer] = (time.monotonic(), keys)
        keys = self._keys_of(issuer)[1]
        if key_id not in keys:
            raise Unauthenticated("the token's key is not one of its issuer's")
        return keys[key_id]

    def _keys_of(self, issuer: Issuer) -> tuple[float, dict[str, Any]]:
        return self._keys.get(issuer.issuer, (-math.inf, {}))

    def _must_ask(self, issuer: Issuer, key_id: str) -> bool:
        fetched, keys = self._keys_of(issuer)
        age = time.monotonic() - fetched
        return age > (_KEYS_FRESH_SECONDS if key_id in keys else _REFETCH_SECONDS)


async def _fetch_keys(url: str) -> dict[str, Any] | None:
    """The issuer's keys by id, or None where they cannot be had."""
    try:
        async with httpx.AsyncClient(timeout=5, follow_redirects=False) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            found = jwt.PyJWKSet.from_dict(answer.json())
    except (httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, AttributeError) as fault:
        log.warning("the issuer's keys could not be read: %s", type(fault).__name__)
        return None
    return {key.key_id: key.key for key in found.keys if key.key_id}


def _viewer(claims: Mapping[str, Any], token: str, tenant_claim: str) -> Viewer:
    role, tenant = claims.get("role"), claims.get(tenant_claim)
    if role not in ROLES or not isinstance(tenant, str) or not tenant:
        raise Unauthenticated("the token names no tenant or no known role")
    if role == "service" and claims.get("iss") != INSTALLATION:
        raise Unauthenticated("only the installation signs for services")
    member = claims.get("member")
    return Viewer(tenant, role, str(claims["sub"]), str(member) if member else None, token=token)
