"""Standard Webhooks, receiving: whatever is not proven is refused, and always in the same words."""

import base64
import doctest
import hashlib
import hmac
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from services.kit import limits
from services.kpi.vendors import standard_webhooks
from services.kpi.vendors.standard_webhooks import (
    SignatureRefused,
    item_key,
    new_secret,
    secret_bytes,
    sign,
    verify,
)

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = '{"deal": "D-1", "名": "销售"}'.encode()


def signature_of(secret, message_id, timestamp, body):
    """An independent count by the standard's words, with nothing of ours."""
    content = message_id.encode() + b"." + timestamp.encode() + b"." + body
    return base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def delivery(**changes):
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW.timestamp())),
        **changes,
    }
    ours = signature_of(SECRET, headers["webhook-id"], headers["webhook-timestamp"], BODY)
    return {"webhook-signature": f"v1,{ours}", **headers}


def published():
    """Signature vectors of a folder that WEBHOOK_SAMPLES_DIR may name, beside one of our own."""
    ours = {
        "id": "own",
        "scheme": "standard-webhooks v1",
        "secret": "whsec_" + base64.b64encode(SECRET).decode(),
        "webhook-id": "msg_2Y",
        "webhook-timestamp": "1700000000",
        "body": '{"test": 1}',
        "webhook-signature": "v1," + signature_of(SECRET, "msg_2Y", "1700000000", b'{"test": 1}'),
    }
    folder = os.environ.get("WEBHOOK_SAMPLES_DIR")
    files = sorted(Path(folder).glob("*vectors*.json")) if folder else []
    found = [vector for file in files for vector in json.loads(file.read_text())]
    return [ours, *(v for v in found if v["scheme"] == "standard-webhooks v1")]


@pytest.mark.parametrize("vector", published(), ids=lambda vector: vector["id"])
def test_vectors_verify_and_signing_repeats_them(vector):
    secret, body = secret_bytes(vector["secret"]), vector["body"].encode()
    at = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)
    headers = {name: vector[name] for name in vector if name.startswith("webhook-")}
    assert verify([secret], headers, body, at) == vector["webhook-id"]
    assert sign(secret, vector["webhook-id"], at, body) == headers


def test_the_worked_example_holds():
    failed, attempted = doctest.testmod(standard_webhooks)
    assert (failed, attempted > 0) == (0, True)


def test_a_proven_delivery_gives_its_id():
    assert verify([SECRET], delivery(), BODY, NOW) == "msg_1"


def test_either_of_two_secrets_and_any_of_several_signatures_pass():
    assert verify([OTHER, SECRET], delivery(), BODY, NOW) == "msg_1"
    assert verify([SECRET, OTHER], delivery(), BODY, NOW) == "msg_1"
    mine = delivery()["webhook-signature"]
    for header in (
        f"v1,{'A' * 44} {mine}",
        f"{mine} v1,{'A' * 44}",
        f"v1a,xyz {mine}",
        f"v2,q  {mine}",
    ):
        assert verify([SECRET], delivery(**{"webhook-signature": header}), BODY, NOW) == "msg_1"


def test_an_aware_time_of_any_zone_signs_the_instant():
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    assert sign(SECRET, "msg_1", shanghai, BODY) == sign(SECRET, "msg_1", NOW, BODY) == delivery()


@pytest.mark.parametrize(
    "skew", [-limits.SIGNATURE_SKEW_SECONDS, -1, 0, 1, limits.SIGNATURE_SKEW_SECONDS]
)
def test_within_the_skew_it_is_accepted(skew):
    assert verify([SECRET], delivery(), BODY, NOW + timedelta(seconds=skew)) == "msg_1"


@pytest.mark.parametrize(
    "skew", [-86_400, -limits.SIGNATURE_SKEW_SECONDS - 1, limits.SIGNATURE_SKEW_SECONDS + 1]
)
def test_beyond_the_skew_it_is_refused_both_ways(skew):
    with pytest.raises(SignatureRefused):
        verify([SECRET], delivery(), BODY, NOW + timedelta(seconds=skew))


STAMP = str(int(NOW.timestamp()))
GOOD = delivery()["webhook-signature"]


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": GOOD.removeprefix("v1,")},
        {"webhook-signature": GOOD.replace("v1,", "v1 ")},
        {"webhook-signature": GOOD.replace("v1,", "v1a,")},
        {"webhook-signature": GOOD.replace("v1,", "V1,")},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1,销售"},
        {"webhook-signature": "v1,\xe9\xff"},
        {"webhook-signature": GOOD[:-1]},
        {"webhook-signature": GOOD + "="},
        {"webhook-signature": " ".join(["v1," + "A" * 44] * 100 + [GOOD])},
        {"webhook-signature": f"{GOOD} v1,{'A' * 5_000}"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 257},
        {"webhook-id": "a b"},
        {"webhook-id": "msg_\x00"},
        {"webhook-id": "msg_é"},
        {"webhook-id": "msg_1\n"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": STAMP + ".0"},
        {"webhook-timestamp": "+" + STAMP},
        {"webhook-timestamp": "-" + STAMP},
        {"webhook-timestamp": " " + STAMP},
        {"webhook-timestamp": STAMP + "\n"},
        {"webhook-timestamp": STAMP + "000"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "9" * 5_000},
        {"webhook-timestamp": STAMP.translate(str.maketrans("0123456789", "０１２３４５６７８９"))},
        {"webhook-timestamp": "0x6" + STAMP},
    ],
)
def test_whatever_is_not_proven_is_refused_in_the_same_words(changes):
    with pytest.raises(SignatureRefused) as refused:
        # `delivery` signs what it is given, so only the shape of the header is wrong.
        verify([SECRET], delivery(**changes), BODY, NOW)
    assert refused.value.message == SignatureRefused().message
    assert refused.value.status == 401


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name):
    headers = {key: value for key, value in delivery().items() if key != name}
    with pytest.raises(SignatureRefused):
        verify([SECRET], headers, BODY, NOW)


@pytest.mark.parametrize("secrets", [[], [OTHER], [b""], [SECRET[:-1]]])
def test_without_the_secret_nothing_passes(secrets):
    with pytest.raises(SignatureRefused):
        verify(secrets, delivery(), BODY, NOW)


def test_every_flipped_bit_of_the_body_is_noticed():
    for position in range(len(BODY) * 8):
        forged = bytearray(BODY)
        forged[position // 8] ^= 1 << position % 8
        with pytest.raises(SignatureRefused):
            verify([SECRET], delivery(), bytes(forged), NOW)


def test_every_flipped_bit_of_the_signature_is_noticed():
    good = base64.b64decode(GOOD.removeprefix("v1,"))
    for position in range(len(good) * 8):
        forged = bytearray(good)
        forged[position // 8] ^= 1 << position % 8
        header = {"webhook-signature": "v1," + base64.b64encode(forged).decode()}
        with pytest.raises(SignatureRefused):
            verify([SECRET], delivery(**header), BODY, NOW)


def test_another_id_or_time_needs_another_signature():
    for forged in ({"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(STAMP) + 1)}):
        with pytest.raises(SignatureRefused):
            verify([SECRET], {**delivery(), **forged}, BODY, NOW)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_survives_its_text(size):
    assert secret_bytes(new_secret(bytes(range(size)))) == bytes(range(size))


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_has_24_to_64_bytes(size):
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        new_secret(bytes(size))
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        secret_bytes("whsec_" + base64.b64encode(bytes(size)).decode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "starts with whsec_"),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "starts with whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"),
        ("whsec_MfKQ9r8GKYqr TwjUPD8ILPZIo2LaLaSw", "base64"),
        ("whsec_销售", "base64"),
    ],
)
def test_a_malformed_secret_is_explained_but_not_shown(text, why):
    with pytest.raises(ValueError, match=why) as wrong:
        secret_bytes(text)
    assert "MfKQ" not in str(wrong.value)


def test_items_of_one_delivery_have_keys_of_their_own():
    assert standard_webhooks.DEDUPE == "webhook-id"
    assert item_key("msg_1", 0, 1) == "msg_1"
    keys = [item_key("msg_1", index, 3) for index in range(3)]
    assert len({*keys, "msg_1", item_key("msg_11", 0, 1)}) == 5
    with pytest.raises(SignatureRefused):  # an id that looks like another delivery's second item
        verify([SECRET], delivery(**{"webhook-id": keys[1]}), BODY, NOW)
