"""What the schema shows of targets: people and units, their targets, and plans."""
