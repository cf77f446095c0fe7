"""18 months of deals up to the day before `today`: a pure function of a seed and that day.

Told backwards. What a rep wins in a quarter follows from the plan: the own target, times the form,
times what the plan has due by then; it is cut into a few deals, and each won deal gets the path
that led to it. Around them lie the lost ones, as many as the stages' chances ask for. Deals that
end today or later are cut off at yesterday: they are the open pipeline. On purpose: a team in red,
a stage that narrows in another one, deals reopened, shared 60/40 or handed over.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from headwater.demo import accounts, seasons
from headwater.demo.accounts import Customer
from headwater.demo.company import TEAM_IN_RED, WEAK_TEAM
from headwater.demo.people import REPS, WEIGHT, Person, joined_on, of_team
from services.kit.period import Period

SEED = 20_260_101
YEAR_TARGET = 100_000_000
"""Of the year in which the company is first seen; a year later it is GROWTH times as much."""
GROWTH = 1.2

SERIES = ("D-", "T-")
"""How the ids of the generator's and of the trickle's deals begin."""
OPEN = ("lead", "intent", "negotiation")
CHANCE = {"lead": 0.75, "intent": 0.70, "negotiation": 0.60}
WEAK_CHANCE = 0.30
"""Of the weak team to bring a deal from intent to negotiation, of late."""
STAY_DAYS = {"lead": (1, 12), "intent": (4, 28), "negotiation": (6, 40)}
_RED_FORM, _LATE_DAYS, _WEAK_DAYS = 0.42, 100, 60
_USUAL_AMOUNT = 320_000
_REOPENED, _SHARED, _HANDED_OVER, _ASLEEP, _REPRICED = 0.03, 0.03, 0.015, 0.04, 0.3

PRODUCTS = (
    ("云客标准版 Cloud Standard", 5, 12),
    ("云客企业版 Cloud Enterprise", 3, 24),
    ("数据分析 Analytics", 2, 12),
)
"""Name, how often it is sold, and for how many months."""
CHANNELS = (("own", 4), ("partner", 3), ("referral", 2), ("event", 1))


@dataclass(frozen=True, slots=True)
class Owner:
    rep: str
    share_bp: int


@dataclass(frozen=True, slots=True)
class Step:
    """What is said about a deal on a day; None: as it was."""

    day: date
    stage: str
    amount: int | None = None
    owners: tuple[Owner, ...] | None = None


@dataclass(slots=True)
class Deal:
    """`amount` is in yuan: the final one. `path` may go on after today; it never skips a stage."""

    id: str
    rep: Person
    customer: Customer
    product: str
    months: int
    channel: str
    amount: int
    path: list[Step]

    def won_on(self, before: date) -> date | None:
        """The day of winning, where the deal is won before that day."""
        seen = [step for step in self.path if step.day < before]
        return seen[-1].day if seen and seen[-1].stage == "won" else None

    def owners(self) -> tuple[Owner, ...]:
        return next(step.owners for step in reversed(self.path) if step.owners)


@dataclass(frozen=True, slots=True)
class _Span:
    """Days of a quarter in which a rep works, and what the plan has due in them, in yuan."""

    rep: Person
    first: date
    last: date
    due: float


class History:
    """Everything that happened and will happen, as planned on `today`."""

    def __init__(self, seed: int, today: date) -> None:
        self.today = today
        self.start = seasons.start_of(today)
        self.customers = accounts.everyone(seed, today)
        self._chance = random.Random(f"{seed}/{today}/deals")
        self._of_rep: dict[str, list[Customer]] = {rep.key: [] for rep in REPS}
        for customer in self.customers:
            self._of_rep[customer.owner].append(customer)
        self.deals = sorted(self._all(), key=lambda deal: (deal.path[0].day, deal.rep.key))
        for number, deal in enumerate(self.deals, 1):
            deal.id = f"D-{number:05}"

    def _all(self) -> Iterator[Deal]:
        until = seasons.quarter_of(self.today).last + timedelta(days=90)
        for rep in REPS:
            for quarter in seasons.quarters(self.start, until):
                for span in self._spans(rep, quarter):
                    for deal in self._of_span(span):
                        if deal.path[0].day < self.today:
                            yield deal

    def _spans(self, rep: Person, quarter: Period) -> Iterator[_Span]:
        """The quarter, cut at today: what is won until then is on the plan's pace."""
        first = max(quarter.first, self.start, joined_on(rep, self.today) + timedelta(days=21))
        cuts = [first, quarter.last + timedelta(days=1)]
        if first < self.today <= quarter.last:
            cuts.insert(1, self.today)
        target = quarter_target(rep, quarter, self.today.year)
        for begin, end in pairwise(cuts):
            if begin < end:
                last = end - timedelta(days=1)
                before = begin - timedelta(days=1)
                done = seasons.due(before) if before >= quarter.first else 0.0
                yield _Span(rep, begin, last, target * (seasons.due(last) - done))

    def _of_span(self, span: _Span) -> Iterator[Deal]:
        chance, rep = self._chance, span.rep
        total = span.due * self._form(rep, span.last) * chance.lognormvariate(0, 0.05)
        count = max(1, round(total / _USUAL_AMOUNT)) if total > 20_000 else 0
        days = seasons.spread(chance, span.first, span.last, count)
        buyers = [self._customer(rep, day, buys=True) for day in days]
        worth = [one.size * chance.lognormvariate(0, 0.35) for one in buyers]
        for day, customer, part in zip(days, buyers, worth, strict=True):
            amount = max(4_000, round(total * part / sum(worth) / 100) * 100)
            yield self._deal(rep, customer, amount, (*OPEN, "won"), day)
        for stage, share in self._lost_per_win(rep, span.last).items():
            lost = int(max(count, total / _USUAL_AMOUNT) * share + chance.random())
            for day in seasons.spread(chance, span.first, span.last, lost):
                customer = self._customer(rep, day, buys=False)
                asked = customer.size * _USUAL_AMOUNT * 0.7 * chance.lognormvariate(0, 0.4)
                reached = (*OPEN[: OPEN.index(stage) + 1], "lost")
                yield self._deal(rep, customer, round(asked / 100) * 100, reached, day)

    def _form(self, rep: Person, day: date) -> float:
        """What a rep sells of the own target; the team in red lost it a while ago."""
        is_late = day > self.today - timedelta(days=_LATE_DAYS)
        return _RED_FORM if rep.team == TEAM_IN_RED and is_late else rep.form

    def _lost_per_win(self, rep: Person, day: date) -> dict[str, float]:
        """How many deals end at each stage for one that is won."""
        left, found = 1.0, {}
        for stage in reversed(OPEN):
            passing = self._passing(stage, rep, day)
            entered = left / passing
            found[stage], left = entered - left, entered
        return found

    def _passing(self, stage: str, rep: Person, day: date) -> float:
        is_late = day > self.today - timedelta(days=_WEAK_DAYS)
        weak = is_late and stage == "intent" and rep.team == WEAK_TEAM
        return WEAK_CHANCE if weak else CHANCE[stage]

    def _customer(self, rep: Person, day: date, *, buys: bool) -> Customer:
        there = [c for c in self._of_rep[rep.key] if c.is_there(day) and (c.buys or not buys)]
        return self._chance.choices(there, [customer.size for customer in there])[0]

    def _deal(
        self, rep: Person, customer: Customer, amount: int, stages: tuple[str, ...], closed: date
    ) -> Deal:
        chance = self._chance
        product, _, months = chance.choices(PRODUCTS, [often for _, often, _ in PRODUCTS])[0]
        channel, _ = chance.choices(CHANNELS, [weight for _, weight in CHANNELS])[0]
        path = self._path(rep, customer, amount, stages, closed)
        return Deal("", rep, customer, product, months, channel, amount, path)

    def _path(
        self, rep: Person, customer: Customer, amount: int, stages: tuple[str, ...], closed: date
    ) -> list[Step]:
        """Backwards from the end: each open stage was entered a stay earlier."""
        chance = self._chance
        no_earlier = max(customer.known_on, joined_on(rep, self.today), self.start)
        day, days = max(closed, no_earlier), [max(closed, no_earlier)]
        for stage in reversed(stages[:-1]):
            before = day - timedelta(days=chance.randint(*STAY_DAYS[stage]))
            day = max(no_earlier, seasons.working_day(before, -1))
            days.insert(0, day)
        first = round(amount * chance.uniform(0.8, 1.3) / 100) * 100
        repriced = chance.random() < _REPRICED and len(stages) > 2
        path = [Step(days[0], stages[0], first if repriced else amount, self._owners(rep))]
        for number, (on, stage) in enumerate(zip(days[1:], stages[1:], strict=True), 2):
            is_last = number == len(stages)
            handed = chance.random() < _HANDED_OVER
            path.append(
                Step(on, stage, amount if is_last and repriced else None,
                     (Owner(self._peer(rep), 10_000),) if handed else None)
            )  # fmt: skip
        return self._after(path)

    def _after(self, path: list[Step]) -> list[Step]:
        """A few that were lost fell asleep instead, or were taken up again."""
        last = path[-1]
        if last.stage != "lost":
            return path
        if self._chance.random() < _ASLEEP:
            return path[:-1]
        if self._chance.random() < _REOPENED:
            again = seasons.working_day(last.day + timedelta(days=self._chance.randint(8, 30)))
            closed = seasons.working_day(again + timedelta(days=self._chance.randint(6, 30)))
            path += [Step(again, "negotiation"), Step(closed, "lost")]
        return path

    def _owners(self, rep: Person) -> tuple[Owner, ...]:
        if self._chance.random() >= _SHARED:
            return (Owner(rep.key, 10_000),)
        return (Owner(rep.key, 6_000), Owner(self._peer(rep), 4_000))

    def _peer(self, rep: Person) -> str:
        """Somebody of the same team who was there all the time."""
        mates = [one for one in of_team(rep.team or "") if one is not rep]
        return self._chance.choice(
            [one.key for one in mates if one.joined_days_ago > seasons.HISTORY_DAYS]
        )


def quarter_target(rep: Person, quarter: Period, plan_year: int) -> float:
    """About what the plan asks of a rep in a quarter, in yuan; other years by growth."""
    year = YEAR_TARGET * GROWTH ** (quarter.first.year - plan_year)
    return float(year * seasons.quarter_share(quarter) / 100 * rep.weight / WEIGHT)
