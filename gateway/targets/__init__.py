"""What the schema shows of targets: reps, units and how they hang together."""
