"""Who may see and do what in incentives. Nobody and nothing, while it has no routes."""
