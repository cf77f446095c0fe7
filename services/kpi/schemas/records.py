"""Payloads of what the engine concludes about contracts, collections, refunds, activities and
customers (method.md 4).
"""

from datetime import date
from typing import Literal

from pydantic import Field

from services.kpi.schemas.payload import AmountPayload, OwnerPayload, Payload

_Owners = Field(description="as stated; [] where the record names none")
_Deal = Field(description="the deal's full subject, e.g. deal:crm:D-17")


class ConcludedPayload(Payload):
    precision: Literal["instant", "day", "unknown"]
    order: int = Field(description="place among the record's events of one instant")


class DuePayload(Payload):
    due_on: date
    amount: AmountPayload


class ContractPayload(ConcludedPayload):
    """The contract as the event leaves it; `ended`: cancelled or deleted."""

    account: str | None = Field(description="the customer's key")
    deal: str | None = _Deal
    owners: list[OwnerPayload] = _Owners
    amount: AmountPayload | None = Field(description="the contract's whole value")
    annual_fee: AmountPayload | None = Field(
        description="as stated, else amount ÷ term in years; null for a one-off contract"
    )
    starts_on: date | None
    ends_on: date | None = Field(description="the last day in force")
    contract_kind: Literal["new", "renewal", "addon"]
    renews: str | None = Field(description="the full subject of the contract that this one renews")
    schedule: list[DuePayload] = Field(description="what is to be paid when")


class ReceiptPayload(ConcludedPayload):
    """Money that came in, or went back; the amount is positive either way."""

    account: str | None
    contract: str | None = Field(description="the contract's full subject")
    deal: str | None = _Deal
    owners: list[OwnerPayload] = Field(
        description="as stated; where [], those of the deal at winning, else of the contract"
    )
    amount: AmountPayload


class ActivityPayload(ConcludedPayload):
    activity_kind: str = Field(description="call, visit, demo, proposal, or any other code")
    account: str | None
    deal: str | None = _Deal
    owners: list[OwnerPayload] = _Owners
    minutes: int | None


class CustomerPayload(ConcludedPayload):
    """A business, not a person: no contact's name or number is in the log."""

    account: str
    name: str = Field(description="the account where no name was stated")
    industry: str | None
    region: str | None
    owners: list[OwnerPayload] = _Owners
