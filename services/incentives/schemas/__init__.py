"""Wire models of incentives."""
