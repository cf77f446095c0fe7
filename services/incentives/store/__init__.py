"""Every query of incentives."""
