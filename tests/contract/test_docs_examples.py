"""The examples in docs are run: what a page shows is what the code does."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.kpi.domain import intake, mapping
from services.kpi.domain.observation import Draft, Pipeline, Stage
from services.kpi.vendors import standard_webhooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def _row(**cells: str) -> dict[str, str]:
    return {
        "opportunity_id": "1C1I7A6R", "sales_agent": "Moses Frase", "product": "GTX Plus Basic",
        "account": "Cancity", "deal_stage": "Won", "engage_date": "10/20/2016",
        "close_date": "3/1/2017", "close_value": "1054", **cells,
    }  # fmt: skip


def test_the_mapping_is_the_example_and_reads_rows_as_the_page_says():
    compiled = mapping.compile(yaml.safe_load(_blocks("mapping.md", "yaml")[0]))
    example = yaml.safe_load((ROOT / "examples/maven_crm/deals.yaml").read_text())
    assert compiled.document == mapping.compile(example).document
    engaged, won = compiled.drafts(_row())
    assert (engaged.id, engaged.fields["stage"]) == ("1C1I7A6R", "engaging")
    assert engaged.effective_at == datetime(2016, 10, 20, 4, tzinfo=UTC)
    assert engaged.fields["owners"] == [{"owner": "maven:Moses Frase", "share_bp": 10_000}]
    assert won.effective_at == datetime(2017, 3, 1, 5, tzinfo=UTC)
    assert won.fields["stage"] == "won"
    assert won.fields["amount"] == {"minor": 105_400, "currency": "USD"}
    undated = _row(deal_stage="Prospecting", engage_date="", close_date="", close_value="")
    (only,) = compiled.drafts(undated)
    assert (only.effective_at, only.fields["stage"]) == (None, "prospecting")


def test_the_event_is_one():
    event = json.loads(_blocks("events.md", "json")[0])
    stages = (Stage("proposal", "Proposal", "open", 0),)
    read = intake.read(
        event, pipelines={"sales": Pipeline("sales", "Sales", stages)},
        default_currency="CNY", default_pipeline="sales",
    )  # fmt: skip
    assert isinstance(read, Draft)
    assert read.fields["amount"] == {"minor": 6_000_000, "currency": "CNY"}


def test_the_signature_is_right():
    page = (DOCS / "webhooks.md").read_text()
    secret, message_id, timestamp, body, signature = re.search(
        r"secret `(.+?)`, the id\s`(.+?)`, the timestamp `(.+?)` and the body `(.+?)` it is\s`(.+?)`",
        page,
    ).groups()
    names: dict[str, Any] = {}
    exec(_blocks("webhooks.md", "python")[0], names)  # noqa: S102 - our own page
    assert names["sign"](secret, message_id, int(timestamp), body.encode()) == signature
    headers = {
        "webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature,
    }  # fmt: skip
    now = datetime.fromtimestamp(int(timestamp), UTC)
    key = standard_webhooks.secret_bytes(secret)
    assert standard_webhooks.verify([key], headers, body.encode(), now) == message_id


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
    folders = "services|gateway|headwater|migrations|deploy|tests|examples"
    for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"{page.name}: {path}"
