"""Who may see and do what in customers. Nobody and nothing, while it has no routes."""
