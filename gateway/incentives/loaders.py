"""Batches of incentives for one request: none yet."""

from gateway.execution.deadlines import Caller
from gateway.incentives.client import IncentivesClient


class IncentivesLoaders:
    def __init__(self, client: IncentivesClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
