"""The wire of customers: it has no reads for the gateway yet."""

from gateway.execution.service import Service


class CustomersClient:
    def __init__(self, service: Service) -> None:
        self._service = service
