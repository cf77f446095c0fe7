"""What an import makes of its files before anything leaves, and how it refuses them."""

import copy
import doctest
from datetime import date
from pathlib import Path

import pytest
import yaml

from headwater.importing import csvfile, document, organisation, pipeline
from headwater.importing.csvfile import FileInvalid
from headwater.importing.document import MembersInvalid
from headwater.importing.people import load_yaml
from services.kit.errors import Invalid
from services.kpi.domain import mapping

EXAMPLE = Path(__file__).parents[3] / "examples/maven_crm"
DOCUMENT = {
    "members": 1, "tenant": "acme", "connection": "hr",
    "settings": {"zone": "Europe/Berlin", "currency": "EUR"}, "since": date(2024, 1, 1),
    "units": [
        {"kind": "company", "external_id": {"value": "acme"}, "name": {"value": "Acme"}},
        {
            "external_id": {"column": "region"}, "manager": {"column": "head"},
            "manager_name": {"column": "head_name"},
        },
        {"external_id": {"template": "{region}/{team}"}, "manager": {"column": "lead"}},
    ],
    "member": {
        "external_id": {"column": "id"}, "name": {"column": "name"},
        "joined_on": {"column": "hired", "format": "%d.%m.%Y"},
    },
}  # fmt: skip
HEADER = "id,name,region,team,head,head_name,lead,hired"


def changed(place: list[str | int], value: object) -> dict[str, object]:
    document = copy.deepcopy(DOCUMENT)
    node: object = document
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return document


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def read(folder: Path, *lines: str) -> organisation.Organisation:
    source = csvfile.checked(written(folder, *lines))
    return organisation.of(document.read(DOCUMENT), source)


def test_the_worked_example_holds():
    failed, attempted = doctest.testmod(document)
    assert failed == 0
    assert attempted > 0


@pytest.mark.parametrize(
    ("place", "value", "at"),
    [
        (["members"], 2, "members"),
        (["tenant"], "Acme!", "tenant"),
        (["connection"], None, "connection"),
        (["since"], "next year", "since"),
        (["colour"], "red", "colour"),
        (["settings", "fiscal_start_month"], 13, "settings.fiscal_start_month"),
        (["settings", "week_rule"], "mondays", "settings.week_rule"),
        (["units"], [], "units"),
        (["units", 1, "external_id"], {}, "units[1].external_id"),
        (["units", 1, "external_id"], {"value": "a", "column": "b"}, "units[1].external_id"),
        (["units", 2, "external_id", "template"], "no column", "units[2].external_id"),
        (["units", 2, "external_id", "template"], "{region!r}", "units[2].external_id"),
        (["units", 2, "external_id", "template"], "{region", "units[2].external_id"),
        (["units", 1, "size"], 4, "units[1].size"),
        (["units", 1, "manager"], None, "units[1]"),
        (["member", "joined_on", "zone"], "UTC", "member.joined_on.zone"),
    ],
)
def test_a_document_is_refused_with_the_place_of_its_fault(place, value, at):
    with pytest.raises(MembersInvalid) as refused:
        document.read(changed(place, value))
    assert refused.value.path == at
    assert at in refused.value.message


def test_something_else_than_a_document_is_refused():
    for nothing in (None, [], "members"):
        with pytest.raises(MembersInvalid):
            document.read(nothing)


def test_rows_become_units_from_the_top_and_people_with_their_managers(tmp_path):
    found = read(
        tmp_path,
        "1,Ann,East,A,9,Hu Li,1,01.02.2024",
        "2,Ben,East,A,9,Hu Li,1,",
        "3,Cai,East,B,,,,",
        "4,Dee,West,,,,,",
        "5,Eva,,,,,,",
    )
    assert [(u.external_id, u.name, u.parent, u.manager) for u in found.units] == [
        ("acme", "Acme", None, None),
        ("East", "East", "acme", "9"),
        ("West", "West", "acme", None),
        ("East/A", "East/A", "East", "1"),
        ("East/B", "East/B", "East", None),
    ]
    assert [(m.external_id, m.name, m.unit, m.joined_on) for m in found.members] == [
        ("1", "Ann", "East/A", date(2024, 2, 1)),
        ("2", "Ben", "East/A", None),
        ("3", "Cai", "East/B", None),
        ("4", "Dee", "West", None),
        ("5", "Eva", "acme", None),
        ("9", "Hu Li", "East", None),  # has no row, so they work where they manage
    ]
    assert found.managers == 1


def test_a_manager_of_several_units_belongs_to_the_highest(tmp_path):
    found = read(tmp_path, "1,Ann,West,A,,,9,", "2,Ben,East,A,9,Hu Li,9,")
    assert [m.unit for m in found.members if m.external_id == "9"] == ["East"]


def test_a_row_without_member_counts_for_its_units(tmp_path):
    found = read(tmp_path, ",,East,A,,,,", "1,Ann,East,B,,,,")
    assert (found.rows_without_member, len(found.members), len(found.units)) == (1, 1, 4)


def test_the_same_row_twice_is_one_member(tmp_path):
    assert len(read(tmp_path, *["1,Ann,East,A,,,,"] * 2).members) == 1


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        (["1,Ann,East,A,,,,", "1,Ann,East,B,,,,"], 3, "the member '1'"),
        (
            ["1,Ann,East,A,8,Li,,", "2,Ben,East,A,9,Hu,,"],
            3,
            "managed by '9' here and '8' in line 2",
        ),
        (["1,Ann,acme,A,,,,"], 2, "another level"),
        (["1,Ann,East,A,,,,2024-01-01"], 2, "'hired': '2024-01-01' is not a date as %d.%m.%Y"),
    ],
)
def test_rows_that_contradict_each_other_are_refused_with_their_lines(tmp_path, lines, line, says):
    with pytest.raises(FileInvalid) as refused:
        read(tmp_path, *lines)
    assert refused.value.path == f"line {line}"
    assert says in refused.value.message


def test_a_column_that_the_file_lacks_is_named(tmp_path):
    source = csvfile.checked(written(tmp_path, "1,Ann", header="id,name"))
    with pytest.raises(FileInvalid, match="reads the column 'head'; the file has id, name"):
        organisation.of(document.read(DOCUMENT), source)


def test_a_service_names_a_row_and_the_import_its_line(tmp_path):
    found = read(tmp_path, "1,Ann,East,A,,,,", "", "2,Ben,East,A,,,,")
    sent = {"units": found.units, "members": found.members}
    assert organisation.line_of("members.1.name", sent) == 4
    assert organisation.line_of("body.members.0.name", sent) == 2
    assert organisation.line_of("as_of", sent) is None
    assert organisation.line_of("members.9.name", sent) is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_with_mark_separator_quotes_and_empty_lines(tmp_path, separator):
    path = tmp_path / "deals.csv"
    lines = ["id|name|", 'D1|"a\nb"|', "", '"D;2"||||', "D3|宽带|"]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).replace("|", separator).encode())
    found = csvfile.checked(path)
    assert (found.columns, found.rows) == (("id", "name"), 3)
    assert [(row.line, *row.cells.values()) for row in found] == [
        (2, "D1", "a\nb"), (5, "D;2", ""), (6, "D3", "宽带"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", 1, "header"),
        (b"id,id\n1,2\n", 1, "'id' is there twice"),
        (b"id,name\n1,Ann\n2\n", 3, "1 cells, but the header names 2 columns: 'name'"),
        (b"id,name\n1,Ann\n\n2,Ben,x\n", 4, "3 cells"),
        (b"id,,name\n1,x,Ann\n", 2, "column 2 has a value, but no name"),
        (b'id,name\n1,Ann\n2,"Ben\n3,Cai\n', 3, "quotation mark"),
        (b"id,name\n1,Ann\n2,\xb0\xa1\n", 3, "UTF-8"),
        (b"id,name\n1,A\0nn\n", 2, "'name' has a NUL character"),
        (b"id,name\n1," + b"x" * (csvfile.CELL_CHARACTERS + 1) + b"\n", 2, "'name' has over"),
    ],
)
def test_a_file_with_a_fault_is_refused_whole_with_its_line(tmp_path, content, line, says):
    path = tmp_path / "deals.csv"
    path.write_bytes(content)
    with pytest.raises(FileInvalid) as refused:
        csvfile.checked(path)
    assert refused.value.path == f"line {line}"
    assert says in refused.value.message
    assert "deals.csv" in refused.value.message


def test_a_file_without_rows_is_refused(tmp_path):
    with pytest.raises(FileInvalid, match="no rows"):
        csvfile.checked(written(tmp_path))


def test_yaml_that_is_none_is_refused(tmp_path):
    path = tmp_path / "members.yaml"
    path.write_text("members: 1\ntenant: [acme\n")
    with pytest.raises(Invalid, match=r"^members\.yaml, line 3: expected"):
        load_yaml(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="is not YAML"):
        load_yaml(path)


def deals(**more: object) -> mapping.CompiledMapping:
    document = yaml.safe_load((EXAMPLE / "deals.yaml").read_text())
    return mapping.compile({**document, **more})


DEALS_HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date"


def test_a_misspelt_column_is_refused_with_its_place_in_the_mapping(tmp_path):
    source = csvfile.checked(written(tmp_path, *["1" + "," * 6] * 2, header=DEALS_HEADER))
    with pytest.raises(FileInvalid, match=r"observations\[2\]\.set\.amount\.path.*'close_value'"):
        pipeline._need_columns(deals(), source)


def test_columns_with_spaces_and_expressions_are_understood(tmp_path):
    columns = DEALS_HEADER + ",close_value,Deal Id"
    source = csvfile.checked(written(tmp_path, "," * 8, header=columns))
    pipeline._need_columns(
        deals(deal='"Deal Id"', source="not_null(nothing, opportunity_id)"), source
    )
    with pytest.raises(FileInvalid, match="'Deal No'"):
        pipeline._need_columns(deals(deal='"Deal No"'), source)


def test_rows_leave_in_arrays_that_fit_and_know_their_deals(tmp_path):
    columns = DEALS_HEADER + ",close_value"
    rows = [f"D{n % 700},A,P,{'x' * 3_000},Engaging,1/2/2017,," for n in range(1_500)]
    source = csvfile.checked(written(tmp_path, *rows, header=columns))
    found = list(pipeline._chunks(deals(), source, pipeline.Delivered()))
    assert [chunk.rows for chunk in found] == [500, 500, 500]
    assert all(len(chunk.body) <= 5 << 20 for chunk in found)
    assert not found[0].sources.isdisjoint(found[1].sources)  # so they never travel together
    assert pipeline._may_leave(found[0], {})
    assert not pipeline._may_leave(found[1], {"under way": found[0]})


def test_rows_that_say_nothing_are_counted(tmp_path):
    columns = DEALS_HEADER + ",close_value"
    rows = ["D1,A,P,,Engaging,1/2/2017,,", "D2,A,P,,Engaging,,,"]
    source = csvfile.checked(written(tmp_path, *rows, header=columns))
    only_dated = deals()
    entries = yaml.safe_load((EXAMPLE / "deals.yaml").read_text())["observations"]
    for compiled, empty in ((only_dated, 0), (deals(observations=[entries[0]]), 1)):
        delivered = pipeline.Delivered()
        list(pipeline._chunks(compiled, source, delivered))
        assert delivered.empty == empty


def test_the_example_reads_as_it_should():
    members = document.read(yaml.safe_load((EXAMPLE / "members.yaml").read_text()))
    assert members.tenant == members.connection == "maven"
    compiled = deals()
    assert str(compiled.zone) == members.settings.zone
    row = {
        "opportunity_id": "X1", "sales_agent": "Ann", "product": "GTXPro", "account": "",
        "deal_stage": "Won", "engage_date": "1/5/2017", "close_date": "3/1/2017",
        "close_value": "1054",
    }  # fmt: skip
    engaged, won = compiled.drafts(row)
    assert (engaged.fields["stage"], won.fields["stage"]) == ("engaging", "won")
    assert engaged.fields["product"] == "GTX Pro"
    assert "account" not in engaged.fields
    assert won.fields["amount"] == {"minor": 105_400, "currency": "USD"}
    (undated,) = compiled.drafts(
        {**row, "engage_date": "", "close_date": "", "deal_stage": "Prospecting"}
    )
    assert (undated.effective_at, undated.fields["stage"]) == (None, "prospecting")
