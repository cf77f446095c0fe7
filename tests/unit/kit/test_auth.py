"""Tokens: what is verified, whose keys count, and how often an issuer is asked for them."""

import asyncio
import base64
import hmac
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit import limits
from services.kit.auth import INSTALLATION, Issuer, Signer, Verifier, Viewer, issuers
from services.kit.errors import Unauthenticated

TENANT_ID = "019a0000-0000-7000-8000-000000000001"


@pytest.fixture
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


@pytest.fixture
def verifier(signer: Signer) -> Verifier:
    return Verifier(signer.public_key)


def development(signer: Signer, **changed: Any) -> str:
    how = {"tenant": "acme", "role": "rep", "subject": "ann", "seconds": 900, **changed}
    return signer.sign(**how)


async def refused(verifier: Verifier, token: str, words: str = ".") -> None:
    with pytest.raises(Unauthenticated, match=words) as why:
        await verifier.verify(token)
    assert token[-20:] not in why.value.message


# The installation's own tokens.


async def test_a_development_token_says_who_asks(signer: Signer, verifier: Verifier) -> None:
    token = development(signer, member_id="m-1")
    viewer = await verifier.verify(token)
    assert viewer == Viewer("acme", "rep", "ann", "m-1", token=token)
    assert viewer.scope == "rep:member:m-1"


async def test_a_service_token_names_its_service_and_the_tenants_id(
    signer: Signer, verifier: Verifier
) -> None:
    token = signer.service_token("targets", "acme", TENANT_ID)
    viewer = await verifier.verify(token)
    assert (viewer.role, viewer.service, viewer.tenant_id) == ("service", "targets", TENANT_ID)
    assert viewer.scope == "service:service:targets"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == limits.SERVICE_TOKEN_SECONDS == 300


async def test_only_a_service_has_a_service_or_a_tenants_id(
    signer: Signer, verifier: Verifier
) -> None:
    viewer = await verifier.verify(development(signer, tenant_id=TENANT_ID))
    assert (viewer.service, viewer.tenant_id) == (None, None)


@pytest.mark.parametrize(
    ("late", "taken"), [(limits.TOKEN_LEEWAY_SECONDS - 5, True), (limits.TOKEN_LEEWAY_SECONDS + 5, False)]
)  # fmt: skip
async def test_the_leeway_is_half_a_minute(
    signer: Signer, verifier: Verifier, late: int, taken: bool
) -> None:
    token = development(signer, seconds=-late)
    if taken:
        assert (await verifier.verify(token)).subject == "ann"
    else:
        await refused(verifier, token, "expired")


async def test_a_token_is_not_remembered_beyond_its_end(
    signer: Signer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, living = development(signer, seconds=-5), development(signer)
    for token in (ending, living):
        await verifier.verify(token)
    monkeypatch.setattr(verifier, "_public_key", Ed25519PrivateKey.generate().public_key())
    assert (await verifier.verify(living)).subject == "ann"
    await refused(verifier, ending)


async def test_what_it_remembers_is_bounded(
    signer: Signer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = await verifier.verify(development(signer))
    for number in range(10_000):
        verifier._seen[str(number)] = (0.0, viewer)
    await verifier.verify(development(signer, subject="ben"))
    assert len(verifier._seen) <= 10_001


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer  "},
     {"authorization": "Basic abc"}, {"authorization": "Bearer\tx"}],
)  # fmt: skip
async def test_without_a_bearer_token_nobody_asks(
    verifier: Verifier, headers: dict[str, str]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.viewer(headers)


async def test_the_scheme_may_be_written_small(signer: Signer, verifier: Verifier) -> None:
    viewer = await verifier.viewer({"authorization": f"bearer {development(signer)}"})
    assert viewer.subject == "ann"


async def test_another_installations_key_is_not_ours(verifier: Verifier) -> None:
    await refused(verifier, development(Signer(Ed25519PrivateKey.generate())), "not valid")


def test_a_key_file_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "signing.pem"
    first, second = Signer.from_file(path, create=True), Signer.from_file(path, create=True)
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    assert first.public_key.public_bytes(*raw) == second.public_key.public_bytes(*raw)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.pem"]


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ec.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    with pytest.raises(TypeError, match="Ed25519"):
        Signer.from_file(path)
    with pytest.raises(FileNotFoundError):
        Signer.from_file(tmp_path / "absent.pem")


# A real issuer, by its JWKS.


class IdentityProvider:
    """An issuer on a port of this machine that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"k1": rsa.generate_private_key(65537, 2048)}
        self.asked = 0
        self.answer: bytes | None = None
        self.issuer = ""

    def document(self) -> bytes:
        kinds = {
            rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
            ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        }
        keys = []
        for key_id, key in self.keys.items():
            algorithm = next(found for kind, found in kinds.items() if isinstance(key, kind))
            keys.append({**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id})
        return json.dumps({"keys": keys}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = self.document() if self.answer is None else self.answer
        status = b"200 OK" if body else b"500 No"
        head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (
            status,
            len(body),
        )
        writer.write(head + body)
        await writer.drain()
        writer.close()

    def token(self, key_id: str = "k1", algorithm: str = "RS256", **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": "headwater-api", "sub": "u-1", "iat": now, "exp": now + 900,
            "org": "acme", "role": "manager", "member": "crm:boss", **changed,
        }  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.keys[key_id], algorithm=algorithm, headers={"kid": key_id})


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    provider = IdentityProvider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield provider
    server.close()
    await server.wait_closed()


@pytest.fixture
def real(signer: Signer, provider: IdentityProvider) -> Verifier:
    configured = Issuer(provider.issuer, "headwater-api", f"{provider.issuer}/jwks", "org")
    return Verifier(signer.public_key, [configured])


async def test_an_issuers_token_says_who_asks(provider: IdentityProvider, real: Verifier) -> None:
    token = provider.token()
    viewer = await real.verify(token)
    assert viewer == Viewer("acme", "manager", "u-1", "crm:boss", token=token)
    await real.verify(token)
    await real.verify(provider.token(sub="u-2"))
    assert provider.asked == 1


async def test_an_issuers_token_must_be_complete_and_meant_for_us(
    provider: IdentityProvider, real: Verifier
) -> None:
    now = int(time.time())
    for changed in (
        {"aud": "another"}, {"aud": None}, {"exp": now - 60}, {"exp": None}, {"sub": None},
        {"iss": "http://127.0.0.1:1"}, {"iss": None}, {"org": None}, {"org": ""}, {"org": 5},
        {"role": None}, {"role": "god"}, {"nbf": now + 600}, {"exp": "soon"},
    ):  # fmt: skip
        await refused(real, provider.token(**changed))


async def test_only_the_installation_speaks_for_services(
    provider: IdentityProvider, real: Verifier, signer: Signer
) -> None:
    await refused(real, provider.token(role="service", tenant_id=TENANT_ID), "installation")
    viewer = await real.verify(signer.service_token("targets", "acme", TENANT_ID))
    assert viewer.service == "targets"


async def test_development_tokens_are_off_where_a_real_issuer_is(
    provider: IdentityProvider, real: Verifier, signer: Signer
) -> None:
    for role in ("rep", "admin"):
        await refused(real, development(signer, role=role), "development tokens are off")
    production = Verifier(signer.public_key, development_tokens=False)
    await refused(production, development(signer), "development tokens are off")


async def test_an_issuer_cannot_pass_for_the_installation(
    provider: IdentityProvider, real: Verifier
) -> None:
    await refused(real, provider.token(iss=INSTALLATION, aud=INSTALLATION, tenant="acme"))


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_the_key_decides_the_algorithm(provider: IdentityProvider, real: Verifier) -> None:
    provider.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    assert (await real.verify(provider.token("k2", "ES256"))).tenant == "acme"
    public = (
        provider.keys["k1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    body = _part(claims)
    signed = f"{_part({'alg': 'HS256', 'kid': 'k1'})}.{body}"
    mark = hmac.digest(public, signed.encode(), "sha256")
    await refused(real, f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}")
    await refused(real, f"{_part({'alg': 'none', 'kid': 'k1'})}.{body}.")
    wrong = jwt.encode(claims, provider.keys["k2"], algorithm="ES256", headers={"kid": "k1"})
    await refused(real, wrong)


async def test_random_key_ids_do_not_make_it_ask(
    provider: IdentityProvider, real: Verifier
) -> None:
    await real.verify(provider.token())
    stranger = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    for number in range(50):
        forged = jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": f"r{number}"})
        await refused(real, forged, "key is not one of")
    no_key = jwt.encode(claims, stranger, algorithm="RS256")
    await refused(real, no_key, "key is not one of")
    assert provider.asked == 1


async def test_many_at_once_make_it_ask_once(provider: IdentityProvider, real: Verifier) -> None:
    tokens = [provider.token(sub=f"u-{number}") for number in range(20)]
    await asyncio.gather(*(real.verify(token) for token in tokens))
    assert provider.asked == 1


def aged(real: Verifier, provider: IdentityProvider, seconds: float) -> None:
    """As if the keys had been fetched so long ago."""
    _, keys = real._keys[provider.issuer]
    real._keys[provider.issuer] = (time.monotonic() - seconds, keys)


async def test_a_new_key_is_found_once_the_pause_is_over(
    provider: IdentityProvider, real: Verifier
) -> None:
    await real.verify(provider.token())
    provider.keys["k2"] = rsa.generate_private_key(65537, 2048)
    await refused(real, provider.token("k2"))
    aged(real, provider, 31)
    assert (await real.verify(provider.token("k2"))).tenant == "acme"
    assert provider.asked == 2


async def test_a_withdrawn_key_ends(provider: IdentityProvider, real: Verifier) -> None:
    await real.verify(provider.token())
    old = provider.token(sub="u-2")
    provider.keys = {"k2": rsa.generate_private_key(65537, 2048)}
    aged(real, provider, 601)
    await refused(real, old, "key is not one of")


@pytest.mark.parametrize(
    "answer", [b"", b"no json", b"[]", b"5", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [1]}']
)
async def test_an_issuer_that_does_not_answer_takes_no_key_away(
    provider: IdentityProvider, real: Verifier, answer: bytes
) -> None:
    await real.verify(provider.token())
    provider.answer = answer
    aged(real, provider, 601)
    stranger = provider.token()
    assert (await real.verify(provider.token(sub="u-2"))).tenant == "acme"
    assert provider.asked == 2
    assert (await real.verify(stranger)).tenant == "acme"
    assert provider.asked == 2  # and it is not asked again at once


async def test_an_issuer_that_is_not_there_refuses_and_is_left_alone(signer: Signer) -> None:
    nowhere = Issuer("http://127.0.0.1:1", "headwater-api", "http://127.0.0.1:1/jwks")
    real = Verifier(signer.public_key, [nowhere])
    provider = IdentityProvider()
    provider.issuer = nowhere.issuer
    await refused(real, provider.token(tenant="acme"), "key is not one of")
    assert real._keys[nowhere.issuer][0] > time.monotonic() - 10


def test_issuers_are_read_from_the_environments_text() -> None:
    text = '[{"issuer": "https://id", "audience": "a", "jwks_url": "https://id/jwks"}]'
    assert issuers(text) == (Issuer("https://id", "a", "https://id/jwks", "tenant"),)
    assert issuers("[]") == ()


# Nothing that a stranger sends is a fault.


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "é.é.é", "A" * 100_000, "e30.e30.e30", "e30.W10.", "bnVsbA.bnVsbA.x",
     "eyJhbGciOiJFZERTQSJ9." + "W1tb" * 20_000 + ".x", "eyJhbGciOm51bGx9.e30.x",
     "eyJhbGciOiJFZERTQSIsImtpZCI6WzFdfQ.e30.x"],
)  # fmt: skip
async def test_noise_is_refused(verifier: Verifier, real: Verifier, token: str) -> None:
    for one in (verifier, real):
        with pytest.raises(Unauthenticated):
            await one.verify(token)


def test_a_subject_that_is_called_like_a_member_has_a_scope_of_its_own():
    member = Viewer("demo", "rep", "someone", member_id="hr:ann")
    assert Viewer("demo", "rep", "hr:ann").scope != member.scope
