"""Use cases of incentives, one function and one transaction each."""
