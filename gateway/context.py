"""What resolvers are given: who asks, the loaders of this one request, and the hub of changes."""

from dataclasses import dataclass
from typing import TypeAlias

import httpx
import strawberry

from gateway.customers.client import CustomersClient
from gateway.customers.loaders import CustomersLoaders
from gateway.execution.coalescing import Flights
from gateway.execution.deadlines import Caller
from gateway.execution.hub import Hub
from gateway.execution.service import Service
from gateway.incentives.client import IncentivesClient
from gateway.incentives.loaders import IncentivesLoaders
from gateway.kpi.client import KpiClient
from gateway.kpi.loaders import KpiLoaders
from gateway.targets.client import TargetsClient
from gateway.targets.loaders import TargetsLoaders
from services.kit import limits
from services.kit.auth import Signer


@dataclass(frozen=True, slots=True)
class Context:
    """One request's own; a subscription has a new one for each of its events."""

    caller: Caller
    hub: Hub
    targets: TargetsLoaders
    customers: CustomersLoaders
    incentives: IncentivesLoaders
    kpi: KpiLoaders


Info: TypeAlias = strawberry.Info[Context, object]


class Clients:
    """The four services as this process reaches them; shared by all requests."""

    def __init__(
        self, *, targets: httpx.AsyncClient, customers: httpx.AsyncClient,
        incentives: httpx.AsyncClient, kpi: httpx.AsyncClient, signer: Signer,
    ) -> None:  # fmt: skip
        def token(tenant: str) -> str:
            return signer.sign(
                tenant=tenant, role="service", subject="gateway",
                seconds=limits.SERVICE_TOKEN_SECONDS,
            )  # fmt: skip

        self.flights = Flights()
        self._targets = TargetsClient(Service("targets", targets, self.flights))
        self._customers = CustomersClient(Service("customers", customers, self.flights))
        self._incentives = IncentivesClient(Service("incentives", incentives, self.flights))
        self._kpi = KpiClient(Service("kpi", kpi, self.flights), token)
        self.hub = Hub(self._kpi.changes)

    def context(self, caller: Caller) -> Context:
        return Context(
            caller, self.hub,
            TargetsLoaders(self._targets, caller),
            CustomersLoaders(self._customers, caller),
            IncentivesLoaders(self._incentives, caller),
            KpiLoaders(self._kpi, caller),
        )  # fmt: skip
