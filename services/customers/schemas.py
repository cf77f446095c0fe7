"""Wire models of customers. It has no routes of its own yet, so there are none."""
