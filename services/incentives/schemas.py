"""Wire models of incentives. It has no routes of its own yet, so there are none."""
