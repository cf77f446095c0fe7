"""Batches of customers for one request: none yet."""

from gateway.customers.client import CustomersClient
from gateway.execution.deadlines import Caller


class CustomersLoaders:
    def __init__(self, client: CustomersClient, caller: Caller) -> None:
        self._client = client
        self._caller = caller
