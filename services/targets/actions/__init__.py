"""Use cases of targets, one function and one transaction each."""
