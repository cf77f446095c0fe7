"""CloudEvents over HTTP: the content modes, and what is refused in each."""

import doctest
import json

import pytest

from services.kit import limits
from services.kit.errors import Malformed, TooLarge, UnsupportedMedia
from services.kpi.vendors import cloudevents
from services.kpi.vendors.cloudevents import BATCH, PLAIN, STRUCTURED, read

EVENT = {"specversion": "1.0", "id": "e-1", "source": "/erp", "type": "deal.observed.v1"}
HEADERS = {f"ce-{name}": value for name, value in EVENT.items()}


def body(value):
    return json.dumps(value).encode()


def test_the_worked_example_holds():
    failed, attempted = doctest.testmod(cloudevents)
    assert (failed, attempted > 0) == (0, True)


@pytest.mark.parametrize("suffix", ["", "; charset=utf-8", ';charset="UTF-8"', "; profile=x"])
@pytest.mark.parametrize(
    ("content_type", "value", "events"),
    [
        (STRUCTURED, {**EVENT, "data": {"deal": "D-1"}}, [{**EVENT, "data": {"deal": "D-1"}}]),
        (BATCH, [EVENT, {**EVENT, "id": "e-2"}], [EVENT, {**EVENT, "id": "e-2"}]),
        (BATCH, [], []),
        (PLAIN, {"id": "e-1"}, [{"id": "e-1"}]),
        (PLAIN, [{"id": "e-1"}, 5], [{"id": "e-1"}, 5]),
        (PLAIN, [], []),
        (PLAIN.upper(), {"id": "e-1"}, [{"id": "e-1"}]),
        (STRUCTURED.title(), EVENT, [EVENT]),
    ],
)
def test_each_mode_gives_plain_events(content_type, suffix, value, events):
    assert read(content_type + suffix, {}, body(value)) == events


def test_the_binary_mode_gathers_headers_and_data():
    headers = {
        **HEADERS,
        "ce-time": "2026-03-01T00:00:00Z",
        "ce-subject": "%E9%94%80%20%2525",
        "ce-myext": '"a \\"quoted\\" 50%25"',
        "content-type": PLAIN,
        "host": "x",
    }
    assert read("application/json", headers, b'{"deal": "D-1"}') == [
        {
            **EVENT,
            "time": "2026-03-01T00:00:00Z",
            "subject": "销 %25",
            "myext": 'a "quoted" 50%',
            "datacontenttype": "application/json",
            "data": {"deal": "D-1"},
        }
    ]
    assert "data" not in read(PLAIN, HEADERS, b"")[0]
    assert read("application/vnd.acme+json", HEADERS, b"{}")[0]["data"] == {}


def test_raw_utf8_in_a_header_is_read_as_utf8():
    headers = {**HEADERS, "ce-subject": "销售".encode().decode("latin-1")}
    assert read(PLAIN, headers, b"{}")[0]["subject"] == "销售"


@pytest.mark.parametrize(
    "value",
    ["%FF", "%C0%A0", "%ED%A0%80", "\xe9", "%00", "%0A", "a\x01", "%C2%85", "销", "x" * 1_025],
)
def test_a_header_that_is_not_plain_utf8_is_refused(value):
    with pytest.raises(Malformed) as refused:
        read(PLAIN, {**HEADERS, "ce-subject": value}, b"{}")
    assert refused.value.path == "ce-subject"


@pytest.mark.parametrize(
    "name", ["ce-datacontenttype", "ce-data", "ce-My_Ext", "ce-", "ce-" + "a" * 21]
)
def test_a_header_that_names_no_attribute_is_refused(name):
    with pytest.raises(Malformed) as refused:
        read(PLAIN, {**HEADERS, name: "x"}, b"{}")
    assert refused.value.path == name


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_required_attributes_are_checked_and_never_invented(name):
    lacking = {key: value for key, value in EVENT.items() if key != name}
    for wrong in (lacking, {**EVENT, name: ""}, {**EVENT, name: None}, {**EVENT, name: 5}):
        with pytest.raises(Malformed) as refused:
            read(STRUCTURED, {}, body(wrong))
        assert refused.value.path == name
    with pytest.raises(Malformed) as refused:
        read(PLAIN, {f"ce-{key}": value for key, value in lacking.items()}, b"{}")
    assert refused.value.path == name


def test_another_version_of_the_standard_is_refused():
    for content_type, headers, value in (
        (STRUCTURED, {}, {**EVENT, "specversion": "0.3"}),
        (BATCH, {}, [EVENT, {**EVENT, "specversion": "0.3"}]),
        (PLAIN, {**HEADERS, "ce-specversion": "0.3"}, {}),
    ):
        with pytest.raises(Malformed):
            read(content_type, headers, body(value))


def test_a_batch_names_the_entry_that_is_no_event_and_leaves_the_rest_to_each_event():
    for wrong in ({"id": "e-1"}, 5, None, [EVENT]):
        with pytest.raises(Malformed) as refused:
            read(BATCH, {}, body([EVENT, wrong]))
        assert refused.value.path == "[1].specversion"
    assert read(BATCH, {}, body([{"specversion": "1.0"}])) == [{"specversion": "1.0"}]


@pytest.mark.parametrize(
    ("content_type", "value"),
    [(STRUCTURED, [EVENT]), (STRUCTURED, "x"), (BATCH, EVENT), (BATCH, None)],
)
def test_the_mode_and_the_body_must_agree(content_type, value):
    with pytest.raises(Malformed):
        read(content_type, {}, body(value))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/cloudevents+xml",
        "application/cloudevents+avro",
        "application/cloudevents",
        "application/cloudevents-batch+xml",
        "application/vnd.acme+json",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; charset=",
        "application/json; Charset='utf-8'",
        "application/cloudevents+json; charset=gbk",
        "application/cloudevents-batch+json; x=y; charset=gbk",
    ],
)
def test_other_media_types_and_charsets_are_unsupported(content_type):
    with pytest.raises(UnsupportedMedia) as refused:
        read(content_type, {}, body(EVENT))
    assert refused.value.status == 415


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream"])
def test_binary_data_must_be_json(content_type):
    with pytest.raises(UnsupportedMedia):
        read(content_type, HEADERS, b"{}")


@pytest.mark.parametrize("header", ["ce-id", "ce-type", "ce-source", "ce-specversion"])
def test_half_a_binary_event_is_not_taken_for_plain_json(header):
    with pytest.raises(Malformed):
        read(PLAIN, {header: "1.0"}, body(EVENT))


@pytest.mark.parametrize("content_type", [PLAIN, BATCH])
def test_an_array_has_a_limit(content_type):
    assert len(read(content_type, {}, body([EVENT] * limits.ARRAY_ITEMS))) == limits.ARRAY_ITEMS
    with pytest.raises(TooLarge):
        read(content_type, {}, body([EVENT] * (limits.ARRAY_ITEMS + 1)))


@pytest.mark.parametrize(
    ("content_type", "headers"), [(PLAIN, {}), (STRUCTURED, {}), (BATCH, {}), (PLAIN, HEADERS)]
)
@pytest.mark.parametrize("wrong", [b"{", b'{"a": 1, "a": 2}', b"NaN", b'"\xff"', b"\xef\xbb\xbf{}"])
def test_every_mode_reads_json_strictly(content_type, headers, wrong):
    with pytest.raises(Malformed):
        read(content_type, headers, wrong)
