"""The deals as the CRM would export them: arrays of items, most in order, a few late or shuffled.

Nothing is dated today or later, so every number is known at the first start.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from headwater.demo.company import ZONE
from headwater.demo.deals import Deal, History, Owner

Item = dict[str, Any]
ITEMS_AT_ONCE = 500
_UNDATED, _LATE = 8, 0.03


def batches(history: History, seed: int) -> Iterator[list[Item]]:
    """A deal's items mostly together; the last item of the last array is the only one of its deal."""
    chance = random.Random(f"{seed}/{history.today}/exports")
    late: list[Item] = []
    batch: list[Item] = []
    for deal in history.deals:
        on_time: list[Item] = []
        for number, item in enumerate(items_of(chance, deal, history.today)):
            is_late = number > 0 and chance.random() < _LATE
            (late if is_late else on_time).append(item)
        if chance.random() < _LATE:
            chance.shuffle(on_time)
        if len(batch) + len(on_time) > ITEMS_AT_ONCE:
            yield batch
            batch = []
        batch += on_time
    yield batch
    for start in range(0, len(late), ITEMS_AT_ONCE):
        yield late[start : start + ITEMS_AT_ONCE]
    yield _undated(chance, history)


def items_of(chance: random.Random, deal: Deal, today: date) -> Iterator[Item]:
    """What was said about a deal before today; the first item says everything that is known."""
    before: datetime | None = None
    for number, step in enumerate(deal.path):
        if step.day >= today:
            return
        at = on(chance, step.day)
        if before is not None and before >= at:
            at = before + timedelta(minutes=10)
        before = at
        item: Item = {"deal": deal.id, "at": at.isoformat(), "stage": step.stage}
        if step.amount is not None:
            item["amount"] = f"{step.amount}.00"
        if step.owners is not None:
            item["owners"] = shares(step.owners)
        if number == 0:
            item |= {"product": deal.product, "channel": deal.channel, "account": deal.customer.key}
        yield item


def _undated(chance: random.Random, history: History) -> list[Item]:
    """Deals that somebody wrote down without saying when."""
    items = []
    for number, deal in enumerate(chance.sample(history.deals, _UNDATED), 1):
        items.append(
            {
                "deal": f"U-{number:05}", "stage": chance.choice(("lead", "intent")),
                "amount": f"{deal.amount}.00", "product": deal.product, "channel": deal.channel,
                "owners": shares((Owner(deal.rep.key, 10_000),)), "account": deal.customer.key,
            }
        )  # fmt: skip
    return items


def shares(owners: Sequence[Owner]) -> list[Item]:
    return [{"rep": owner.rep, "share_bp": owner.share_bp} for owner in owners]


def on(chance: random.Random, day: date) -> datetime:
    """Some minute of the office hours of a day."""
    return datetime.combine(day, time(9), ZONE) + timedelta(minutes=chance.randint(0, 9 * 60))


def count(all_batches: Sequence[Sequence[Item]]) -> int:
    """How many different deals the items are of."""
    return len({item["deal"] for batch in all_batches for item in batch})
