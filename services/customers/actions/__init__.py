"""Use cases of customers, one function and one transaction each."""
