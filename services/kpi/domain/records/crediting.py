"""Whose a record is (method.md 2 and 3.10): its own owners, else its deal's, else its contract's.

Of a deal, who owned it when it was last won counts, else who owns it now; of a contract, whoever it
first named. So a refund that names nobody reverses the credit of those who made the sale. The
answer follows from what stands of these subjects, whatever came first.

>>> at = lambda **payload: [Conclusion("", None, {"owners": [], **payload}, "")]
>>> ann = [{"member": "ann", "share_bp": 10_000}]
>>> stands = {"deal:crm:7": at(owners=ann), "contract:erp:3": at(deal="deal:crm:7"),
...           "refund:erp:1": at(deal=None, contract="contract:erp:3")}
>>> credit("refund:erp:1", lambda subject: stands.get(subject, []))
Credit(owners=[{'member': 'ann', 'share_bp': 10000}], leans_on=('contract:erp:3', 'deal:crm:7'))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.kpi.domain import transitions
from services.kpi.domain.transitions import Conclusion

Owners = Sequence[Mapping[str, Any]]
Standing = Callable[[str], Sequence[Conclusion]]
"""What stands of a subject, in effective order."""


class Credit(NamedTuple):
    owners: Owners
    leans_on: tuple[str, ...]
    """The subjects that were asked: when one of them changes, the answer may."""


def credit(subject: str, standing: Standing) -> Credit:
    """The owners of a contract, collection, refund or activity; [] where nobody is known."""
    events = standing(subject)
    own = next((event.payload["owners"] for event in events if event.payload["owners"]), None)
    if own or not events:
        return Credit(own or [], ())
    asked: list[str] = []
    named = events[-1].payload
    if named.get("deal"):  # a customer's description names none
        asked.append(named["deal"])
        if found := _of_deal(standing(named["deal"])):
            return Credit(found, tuple(asked))
    if named.get("contract"):
        found, more = credit(named["contract"], standing)
        return Credit(found, (*asked, named["contract"], *more))
    return Credit([], tuple(asked))


def named(payloads: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every deal and contract that a record's events name."""
    return {
        payload[name] for payload in payloads for name in ("deal", "contract") if payload.get(name)
    }


def _of_deal(events: Sequence[Conclusion]) -> Owners:
    won = [event for event in events if event.type == transitions.WON]
    last = (won or events)[-1:]
    return last[0].payload["owners"] if last else []
