"""Ids: UUIDv7 made by the application, the same string in every layer."""

import re
import uuid

import uuid_utils

_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new() -> str:
    """A new id; ids made later sort later."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Whether `text` has the shape of one of our ids (else it is an external id)."""
    return _SHAPE.fullmatch(text) is not None


def derived(namespace_id: str, name: str) -> str:
    """An id that follows from its name, where several may make the same thing at once."""
    return str(uuid.uuid5(uuid.UUID(namespace_id), name))
