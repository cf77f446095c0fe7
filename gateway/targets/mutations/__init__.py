"""Acts on plans: making and splitting them, and bringing them through their states."""

import strawberry

from gateway.targets.mutations.making import PlanMaking
from gateway.targets.mutations.states import PlanStates


@strawberry.type
class TargetsMutation(PlanMaking, PlanStates):
    pass
