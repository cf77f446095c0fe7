"""Secrets at rest: encrypted with HEADWATER_SECRET_KEY, of which two may live while one rotates."""

from collections.abc import Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretUnreadable(Exception):
    """None of the configured keys opens a stored secret."""


class Vault:
    def __init__(self, keys: str) -> None:
        """`keys`: one or two Fernet keys, comma separated; the first one encrypts."""
        self._fernet = MultiFernet([Fernet(key.strip()) for key in keys.split(",")])

    def seal(self, secrets: Sequence[bytes]) -> bytes:
        return self._fernet.encrypt(orjson.dumps([secret.hex() for secret in secrets]))

    def open(self, sealed: bytes) -> list[bytes]:
        try:
            return [bytes.fromhex(text) for text in orjson.loads(self._fernet.decrypt(sealed))]
        except InvalidToken:
            raise SecretUnreadable(
                "a stored secret was encrypted with a key that HEADWATER_SECRET_KEY no longer holds"
            ) from None


def new_key() -> str:
    return Fernet.generate_key().decode()
