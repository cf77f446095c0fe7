"""How a document runs: prepared once, within its limits, by a deadline, sharing equal loads."""
