"""CloudEvents 1.0 over HTTP: every content mode becomes a list of plain event objects.

Structured, batch and binary (`ce-*` headers), and plain JSON beside them. Nothing is invented: a
single event without a required attribute is refused; in a batch the events are judged one by one
later, so that one bad event does not cost the others their place.

>>> read("application/json", {}, b'{"id": "e-1"}')
[{'id': 'e-1'}]
>>> headers = {"ce-specversion": "1.0", "ce-id": "e-1", "ce-source": "/erp", "ce-type": "a%20b"}
>>> read("application/json", headers, b"{}")[0]["type"]
'a b'
"""

import re
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from services.kit import limits
from services.kit.errors import Malformed, TooLarge, UnsupportedMedia
from services.kit.strictjson import parse

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PLAIN = "application/json"
_REQUIRED = ("specversion", "id", "source", "type")
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPED = re.compile(r"\\(.)")
_MOST_CHARACTERS = 1_024


def read(content_type: str | None, headers: Mapping[str, str], body: bytes) -> list[Any]:
    """The events of a request; `headers` have names in small letters."""
    media_type = _media_type(content_type)
    if media_type == BATCH:
        return _batch(parse(body))
    if media_type == STRUCTURED:
        return [_single(parse(body))]
    if media_type.startswith("application/cloudevents"):
        raise UnsupportedMedia(f"send CloudEvents as {STRUCTURED} or {BATCH}")
    is_json = media_type == PLAIN or media_type.endswith("+json")
    if any(f"ce-{name}" in headers for name in _REQUIRED):
        if not is_json:
            raise UnsupportedMedia(f"the data of an event must be JSON, not {media_type[:60]!r}")
        return [_binary(headers, media_type, body)]
    if media_type != PLAIN:
        raise UnsupportedMedia(f"send {PLAIN}, {STRUCTURED} or {BATCH}, not {media_type[:60]!r}")
    value = parse(body)
    return _bounded(value) if isinstance(value, list) else [value]


def _media_type(content_type: str | None) -> str:
    media_type, *parameters = (content_type or "").split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() != "utf-8":
            raise UnsupportedMedia("the charset must be utf-8")
    return media_type.strip().lower()


def _batch(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed("a batch of CloudEvents is an array")
    for position, event in enumerate(_bounded(value)):
        if not isinstance(event, dict) or event.get("specversion") != "1.0":
            place = f"[{position}].specversion"
            raise Malformed("an entry of the batch is not a CloudEvent 1.0", path=place)
    return value


def _bounded(events: list[Any]) -> list[Any]:
    if len(events) > limits.ARRAY_ITEMS:
        raise TooLarge(f"an array may have {limits.ARRAY_ITEMS} events at most")
    return events


def _single(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise Malformed("a CloudEvent is an object")
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise Malformed(f"the CloudEvent lacks its {name}", path=name)
    if event["specversion"] != "1.0":
        raise Malformed("the CloudEvent's specversion is not 1.0", path="specversion")
    return event


def _binary(headers: Mapping[str, str], media_type: str, body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for header, value in headers.items():
        if not header.startswith("ce-"):
            continue
        name = header.removeprefix("ce-")
        if name in {"datacontenttype", "data"} or not _ATTRIBUTE.fullmatch(name):
            raise Malformed("this header names no CloudEvents attribute", path=header[:60])
        event[name] = _attribute(value, header)
    event["datacontenttype"] = media_type
    if body:
        event["data"] = parse(body)
    return _single(event)


def _attribute(value: str, header: str) -> str:
    """Unquote, then percent-decode once; the bytes must be UTF-8 without control characters."""
    if len(value) > _MOST_CHARACTERS:
        _refuse(header)
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        # Servers hand header bytes over as Latin-1, so this gives them back.
        decoded = unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        _refuse(header)
    if _CONTROL.search(decoded):
        _refuse(header)
    return decoded


def _refuse(header: str) -> NoReturn:
    message = f"must be percent-encoded UTF-8 of at most {_MOST_CHARACTERS} characters"
    raise Malformed(f"{header} {message}", path=header)
