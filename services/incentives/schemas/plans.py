"""Compensation plans on the wire."""

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import Field

from services.incentives.domain.plan import MOST_BANDS, MOST_COMPONENTS, MOST_NAMED
from services.incentives.schemas.wire import DAY, ID, Wire
from services.incentives.store.plans import PlanRecord

EXAMPLE: dict[str, Any] = {
    "name": "Sales", "period": "quarter", "currency": "CNY",
    "components": [
        {
            "code": "commission", "kind": "commission", "mode": "marginal",
            "bands": [
                {"up_to": "1000000.00", "rate_bp": 800}, {"up_to": "2000000.00", "rate_bp": 1000},
                {"up_to": None, "rate_bp": 1200},
            ],
            "rounding": "half_even",
        }
    ],
    "eligible": {"units": [], "members": []},
}  # fmt: skip


class BandDocument(Wire):
    up_to: str | None = Field(
        max_length=64,
        description="the band's last amount, in major units; null: no end, on the last band",
    )
    rate_bp: int = Field(description="basis points, 0 to 10,000: 800 pays 8 %")


class ComponentDocument(Wire):
    code: str = Field(
        "commission", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="names its lines"
    )
    kind: Literal["commission"] = Field("commission", description="what is measured and paid")
    mode: Literal["marginal", "retroactive"] = Field(
        "marginal",
        description="marginal: each slice at its band's rate; retroactive: the reached band's rate "
        "on everything",
    )
    bands: list[BandDocument] = Field(
        min_length=1, max_length=MOST_BANDS, description="ascending; one band is a flat rate"
    )
    rounding: Literal["half_even", "half_up"] = Field(
        "half_even", description="of a line, once, to a minor unit"
    )


class EligibleDocument(Wire):
    """Everybody where both lists are empty."""

    units: list[str] = Field(
        [], max_length=MOST_NAMED, description="our ids or external ones; with all below them"
    )
    members: list[str] = Field([], max_length=MOST_NAMED, description="our ids or external ones")


class PlanDocument(Wire):
    name: str = Field(min_length=1, max_length=200, description="versions of a plan share it")
    period: Literal["month", "quarter", "year"] = Field(
        "quarter", description="over which bands count; quarters and years are fiscal"
    )
    currency: str = Field(
        description="ISO 4217 code; credit in others is not paid", examples=["CNY"]
    )
    components: list[ComponentDocument] = Field(
        min_length=1, max_length=MOST_COMPONENTS, description="each pays on the same credit"
    )
    eligible: EligibleDocument = Field(
        EligibleDocument(), description="who has the plan, by the organisation on a period's first day"
    )  # fmt: skip


class PlanActivate(Wire):
    effective_from: str = Field(
        description="the first period in force, of the plan's own kind", examples=["2026-Q1"]
    )


class PlanRead(Wire):
    id: str = Field(description="our id", examples=[ID])
    name: str = Field(description="what its versions share", examples=["Sales"])
    version: int = Field(description="counts from 1 by name", examples=[1])
    state: Literal["draft", "active"] = Field(description="draft, or active on its days")
    effective_on: date | None = Field(description="the first day in force", examples=[DAY])
    ends_on: date | None = Field(description="the last day in force; null: until a new version")
    created_at: datetime = Field(description="when it was drafted")
    activated_at: datetime | None = Field(description="when it was activated")
    document: PlanDocument = Field(description="what it says", examples=[EXAMPLE])

    @classmethod
    def of(cls, plan: PlanRecord) -> Self:
        return cls(
            id=plan.id, name=plan.name, version=plan.version,
            state="active" if plan.state == "active" else "draft",
            effective_on=plan.effective_on, ends_on=plan.ends_on, created_at=plan.created_at,
            activated_at=plan.activated_at, document=PlanDocument.model_validate(plan.document),
        )  # fmt: skip


class PlanAnswer(Wire):
    plan: PlanRead = Field(description="the plan after the command")
    offset: int = Field(description="the offset of the log that the answer reflects")


class Plans(Wire):
    offset: int = Field(description="the offset of the log that the answer reflects")
    items: list[PlanRead] = Field(description="by name and version")
    next_cursor: str | None = Field(description="for the next page; null at the end")
