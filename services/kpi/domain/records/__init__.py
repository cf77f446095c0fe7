"""Contracts, collections, refunds, activities and customers next to deals (method.md 4, 2).

- `history`: from what was observed of one record to its conclusions.
- `fees`: the annual fee of a contract that states none.
- `crediting`: whose a record is that names no owners. `postings`: what it adds to the figures.
"""

from services.kpi.domain.observation import Record
from services.kpi.domain.records.history import (
    ACTIVITY_RECORDED,
    COLLECTION_RECEIVED,
    COLLECTION_REFUNDED,
    CONTRACT_CHANGED,
    CONTRACT_ENDED,
    CONTRACT_SIGNED,
    CUSTOMER_DESCRIBED,
    HISTORIES,
)
from services.kpi.domain.transitions import History

__all__ = [
    "ACTIVITY_RECORDED", "COLLECTION_RECEIVED", "COLLECTION_REFUNDED", "CONCLUSIONS",
    "CONTRACT_CHANGED", "CONTRACT_ENDED", "CONTRACT_SIGNED", "CUSTOMER_DESCRIBED", "history_of",
    "kind_of",
]  # fmt: skip

CONCLUSIONS = (
    CONTRACT_SIGNED, CONTRACT_CHANGED, CONTRACT_ENDED, COLLECTION_RECEIVED, COLLECTION_REFUNDED,
    ACTIVITY_RECORDED, CUSTOMER_DESCRIBED,
)  # fmt: skip


def kind_of(subject: str) -> Record:
    """What a subject such as `contract:erp:C-7` is of.

    >>> kind_of("contract:erp:C-7")
    'contract'
    """
    return subject.partition(":")[0]  # type: ignore[return-value]  # the engine made the subject


def history_of(subject: str) -> History:
    """How the observations of this subject become its conclusions."""
    return HISTORIES[kind_of(subject)]
