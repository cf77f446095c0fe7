"""Standard Webhooks 1.0.0, receiving: HMAC-SHA256 over `id.timestamp.body` (webhooks.md section 3).

Every refusal reads the same, so that a forger learns nothing from it. The timestamp may differ
from ours by limits.SIGNATURE_SKEW_SECONDS either way. Several secrets, and several signatures in
the header, let both sides rotate: any match passes.

>>> from datetime import UTC
>>> secret = secret_bytes(new_secret(bytes(range(32))))
>>> at = datetime(2026, 3, 1, tzinfo=UTC)
>>> headers = sign(secret, "msg_1", at, b"{}")
>>> verify([secret], headers, b"{}", at)
'msg_1'
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.kit import limits
from services.kit.errors import Unauthenticated

DEDUPE = "webhook-id"
"""The header that stays the same over a sender's retries."""
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
_ID = re.compile(r"[\x21-\x7e]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES = 20
_MOST_SIGNATURE_CHARACTERS = 4_096


class SignatureRefused(Unauthenticated):
    """The delivery does not prove that its sender knows the connection's secret, or is stale."""

    code = "signature_refused"

    def __init__(self) -> None:
        super().__init__("the signature is missing, wrong or out of time")


def verify(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The delivery's webhook-id; `headers` are by small letters or ignore case."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused
    if abs(int(timestamp) - now.timestamp()) > limits.SIGNATURE_SKEW_SECONDS:
        raise SignatureRefused
    given = _signatures(headers.get("webhook-signature", ""))
    matches = False
    for secret in secrets:
        expected = _signature(secret, message_id, timestamp, body)
        for signature in given:
            matches |= hmac.compare_digest(signature, expected)
    if not matches:
        raise SignatureRefused
    return message_id


def sign(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a delivery signed at an instant."""
    timestamp = str(int(at.timestamp()))
    signature = _signature(secret, message_id, timestamp, body).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def secret_bytes(secret: str) -> bytes:
    """The key behind `whsec_…`; a ValueError says what is wrong without showing it."""
    if not secret.startswith(_PREFIX):
        raise ValueError(f"a webhook secret starts with {_PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a webhook secret is base64 after {_PREFIX}") from None
    return _sized(key)


def new_secret(random_bytes: bytes) -> str:
    """The text to hand to a sender, from 24 to 64 bytes of a secure source."""
    return _PREFIX + base64.b64encode(_sized(random_bytes)).decode()


def item_key(message_id: str, index: int, count: int) -> str:
    """What makes an item unique: the delivery, and its place where the delivery has several."""
    # An id holds no space, so no other delivery's id can look like this one's place.
    return message_id if count == 1 else f"{message_id} {index}"


def _sized(key: bytes) -> bytes:
    if len(key) not in _KEY_BYTES:
        raise ValueError(f"a webhook secret has 24 to 64 bytes, not {len(key)}")
    return key


def _signatures(header: str) -> list[bytes]:
    """The v1 signatures as sent; whatever is not one compares unequal to everything."""
    if len(header) > _MOST_SIGNATURE_CHARACTERS:
        return []
    parts = (entry.partition(",") for entry in header.split(" ", _MOST_SIGNATURES))
    return [text.encode() for version, _, text in parts if version == "v1"][:_MOST_SIGNATURES]


def _signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))
