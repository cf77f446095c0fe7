"""What resolvers are given: who asks, the loaders of this one request, and the hub of changes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.customers.client import CustomersClient
from gateway.customers.loaders import CustomersLoaders
from gateway.execution.coalescing import Flights
from gateway.execution.deadlines import Caller
from gateway.execution.hub import Changes, Hub
from gateway.execution.pooling import Pools
from gateway.execution.service import Service
from gateway.execution.wire import Wire
from gateway.incentives.client import IncentivesClient
from gateway.incentives.loaders import IncentivesLoaders
from gateway.kpi.client import KpiClient
from gateway.kpi.loaders import KpiLoaders
from gateway.targets.client import TargetsClient
from gateway.targets.loaders import TargetsLoaders
from services.kit import ids, limits
from services.kit.auth import Signer

_GRACE_SECONDS = 5.0
"""How much longer than a poll asks for its answer may take."""


@dataclass(frozen=True, slots=True)
class Context:
    """One request's own; a subscription has a new one for each of its events."""

    caller: Caller
    hub: Hub
    targets: TargetsLoaders
    customers: CustomersLoaders
    incentives: IncentivesLoaders
    kpi: KpiLoaders


class Clients:
    """The four services as this process reaches them; shared by all requests."""

    def __init__(
        self, *, targets: Wire, customers: Wire, incentives: Wire, kpi: Wire, signer: Signer
    ) -> None:
        self.flights, self.pools = Flights(), Pools()
        shared = self.flights, self.pools
        self.targets = TargetsClient(Service("targets", targets, *shared))
        self.customers = CustomersClient(Service("customers", customers, *shared))
        self.incentives = IncentivesClient(Service("incentives", incentives, *shared))
        self.kpi = KpiClient(Service("kpi", kpi, *shared))
        # Every service whose figures a board shows moves its subscribers.
        following = (self.kpi.service, self.customers.service, self.incentives.service)
        token = _tokens(signer)
        self.hub = Hub({one.name: partial(_changes, one, token) for one in following})

    def context(self, caller: Caller) -> Context:
        return Context(
            caller, self.hub,
            TargetsLoaders(self.targets, caller),
            CustomersLoaders(self.customers, caller),
            IncentivesLoaders(self.incentives, caller),
            KpiLoaders(self.kpi, caller),
        )  # fmt: skip


def _tokens(signer: Signer) -> Callable[[str], str]:
    """Tokens of the gateway itself, for a tenant; reads use the viewer's own."""

    def token(tenant: str) -> str:
        return signer.sign(
            tenant=tenant, role="service", subject="gateway", seconds=limits.SERVICE_TOKEN_SECONDS
        )

    return token


async def _changes(
    service: Service, token: Callable[[str], str], tenant: str, after: int
) -> Changes:
    """Waits until something of the tenant moved; with `after` -1, says where it is at once."""
    wait_seconds = limits.LONG_POLL_SECONDS
    answer = await service.ask(
        f"/{service.name}/v1/changes",
        [("after", str(after)), ("wait", str(round(wait_seconds)))],
        token=token(tenant), request_id=ids.new(), seconds=wait_seconds + _GRACE_SECONDS,
    )  # fmt: skip
    return Changes(answer["offset"], answer["subjects"])
