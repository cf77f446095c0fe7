"""The schema, put together from the services' parts; `sdl()` prints what schema.graphql holds."""

import strawberry
from graphql import print_schema
from strawberry.schema.config import StrawberryConfig

from gateway.customers.mutations import CustomersMutation
from gateway.incentives.mutations import IncentivesMutation
from gateway.kpi.mutations import KpiMutation
from gateway.kpi.queries import KpiQuery
from gateway.kpi.subscriptions import KpiSubscription
from gateway.scalars import SCALARS
from gateway.targets.mutations import TargetsMutation
from gateway.targets.queries import TargetsQuery


@strawberry.type(description="Reads. Every answer is what the viewer's token may see.")
class Query(TargetsQuery, KpiQuery):
    pass


@strawberry.type(
    description="Acts, one service's each, with their refusals as data. Several in a document run "
    "one after the other; each is sent once and never tried again."
)
class Mutation(TargetsMutation, CustomersMutation, IncentivesMutation, KpiMutation):
    pass


@strawberry.type(description="Live reads over a WebSocket, by the protocol graphql-transport-ws.")
class Subscription(KpiSubscription):
    pass


# Unsorted: sort_schema loses the union types' resolvers.
schema = strawberry.Schema(
    query=Query, mutation=Mutation, subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)  # fmt: skip


def sdl() -> str:
    return print_schema(schema._schema) + "\n"  # noqa: SLF001 - strawberry's own printer differs
