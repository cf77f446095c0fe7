"""What kpi's routes take and give."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ShortName = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["hubspot-eu"])
Uuid = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MoneyRead(Wire):
    amount: str = Field(description="plain decimal string in major units", examples=["6000000.00"])
    currency: str = Field(description="ISO 4217 code", examples=["CNY"])


# Connections


class ConnectionCreate(Wire):
    vendor: str = Field("standard", description="how deliveries are authenticated and deduplicated")
    mapping: dict[str, Any] | None = Field(None, description="a mapping document to activate")


class ConnectionRead(Wire):
    id: str
    short_name: str
    vendor: str
    webhook_path: str = Field(examples=["/webhooks/AZrJ…"])
    mapping_version: int | None
    created_at: datetime
    disabled_at: datetime | None
    secret: str | None = Field(
        None, description="whsec_…: given once, when the connection is made or its secret rotated"
    )


class ConnectionList(Wire):
    items: list[ConnectionRead]


class ConnectionChange(Wire):
    disabled: bool


class SecretRotate(Wire):
    secret: str | None = Field(
        None, description="whsec_… of the sender; left out: a new one is made"
    )


class MappingActivated(Wire):
    version: int
    changed: bool
    released: int = Field(description="quarantined items that were tried again")


# The log


class FactIn(Wire):
    id: str = Field(pattern=Uuid)
    type: str
    subject: str
    occurred_at: datetime
    payload: dict[str, Any]


class FactsIn(Wire):
    facts: list[FactIn] = Field(max_length=1000)


class Appended(Wire):
    accepted: int
    duplicates: int
    offset: int


class EventResult(Wire):
    index: int
    id: str | None
    status: Literal["accepted", "duplicate", "rejected", "conflict"]
    code: str | None = None
    message: str | None = None


class EventsResult(Wire):
    accepted: int
    duplicates: int
    rejected: int
    offset: int
    results: list[EventResult]


class EntryRead(Wire):
    offset: int
    id: str
    kind: Literal["observation", "conclusion", "fact"]
    type: str
    subject: str
    effective_at: datetime | None
    recorded_at: datetime
    supersedes: list[str]
    cause: str | None
    payload: dict[str, Any]


class FeedPage(Wire):
    items: list[EntryRead]
    head: int
    next_after: int


class Heads(Wire):
    heads: dict[str, int] = Field(description="last offset by tenant id")
    tenants: dict[str, str] = Field(description="short name by tenant id")
    mark: int = Field(description="differs whenever a head moved")


class Changes(Wire):
    offset: int
    subjects: list[str]


# Quarantine and deals


class QuarantineItem(Wire):
    id: str
    connection_id: str
    item_key: str
    reason: str
    message: str
    path: str | None
    waits_for: str | None
    state: Literal["open", "released", "discarded"]
    created_at: datetime
    item: Any = Field(description="the item as it came")


class QuarantinePage(Wire):
    items: list[QuarantineItem]
    next_cursor: str | None


class ReleaseAsk(Wire):
    ids: list[str] = Field(max_length=1000, min_length=1)


class Released(Wire):
    released: int
    still_held: int
    offset: int


class DealRead(Wire):
    id: str = Field(examples=["deal:maven:1C1I7A6R"])
    owners: list[str]
    pipeline: str | None
    stage: str | None
    kind: str | None
    amount: MoneyRead | None
    product: str | None
    channel: str | None
    account: str | None
    created_on: date | None
    closed_on: date | None
    undated: bool
    incomplete: bool
    deleted: bool
    offset: int


class DealPage(Wire):
    items: list[DealRead]
    next_cursor: str | None


class DealEvent(Wire):
    id: str
    offset: int
    type: str
    effective_at: datetime | None
    recorded_at: datetime
    payload: dict[str, Any]


class DealHistory(DealRead):
    events: list[DealEvent]


# Operations


class OperationRead(Wire):
    id: str
    kind: str
    state: Literal["running", "done", "failed"]
    progress: int = Field(ge=0, le=100, description="percent")
    result: dict[str, Any] | None
    error: str | None
    asked_by: str
    created_at: datetime
    updated_at: datetime


# The funnel


class StageRead(Wire):
    code: str
    name: str
    kind: Literal["open", "won", "lost"]
    position: int
    entered: int = Field(description="entries into the stage in the period")
    open: int = Field(description="deals in the stage at the period's end; 0 for won and lost")
    undated: int = Field(description="of `open`, those without any date")
    amount: MoneyRead = Field(
        description="of the open deals; for won and lost stages of those that entered"
    )
    entered_amount: MoneyRead
    conversion: str | None = Field(
        description="percent of the entries that have since reached a later stage",
        examples=["40.0"],
    )
    median_days: str | None = Field(description="median stay of those who left in the period")


class ClosedRead(Wire):
    deals: int
    amount: MoneyRead


class BottleneckRead(Wire):
    stage: str = Field(description="code of the stage that is narrower than usual")
    conversion: str = Field(description="percent of the period's entries", examples=["40.0"])
    usual: str = Field(
        description="percent of the entries of the four comparable periods before, at the same age"
    )
    drop: str = Field(description="percentage points between the two", examples=["20.0"])
    amount_at_stake: MoneyRead = Field(description="amount of the entries × the drop")


class ChanceRead(Wire):
    """How likely a deal in the stage is won, and from how many closings that is known."""

    stage: str
    chance: str | None = Field(description="percent; null where nothing ever closed from the stage")
    closed: int = Field(description="deals that closed in the last 365 days after it")
    basis: Literal["own", "tenant", "none"] = Field(description="whose closings they are")


class ForecastRead(Wire):
    weighted: MoneyRead = Field(description="won, and what is open × its stage's chance")
    run_rate: MoneyRead | None = Field(
        description="won so far carried to the period's end; null before it begins"
    )
    low: MoneyRead = Field(description="four times in five not less than this")
    high: MoneyRead = Field(description="and not more than this")
    chances: list[ChanceRead] = Field(description="of the open stages; none once it is over")


class FunnelRead(Wire):
    scope: str
    pipeline: str
    currency: str
    stages: list[StageRead]
    created: int
    undated: int
    won: ClosedRead
    lost: ClosedRead
    win_rate: str | None = Field(description="won ÷ closed in the period, percent")
    win_rate_all: str | None = Field(description="won ÷ (closed + open at the end), percent")
    cycle_days: str | None = Field(description="mean days from first sight to win")
    coverage: str | None = Field(
        description="open amounts in percent of what the sales target lacks; null without a target",
        examples=["150.0"],
    )
    bottlenecks: list[BottleneckRead] | None = Field(
        description="the costliest first; null where it was left out or the past is read"
    )
    forecast: ForecastRead | None = Field(
        description="null where it was left out or the past is read"
    )


class FunnelBoard(Wire):
    offset: int
    period: str
    items: list[FunnelRead]
