"""Acts on pay: compensation plans, and statements through their states."""

import strawberry

from gateway.incentives.mutations.plans import PlanActs
from gateway.incentives.mutations.statements import StatementActs


@strawberry.type
class IncentivesMutation(PlanActs, StatementActs):
    pass
