"""Every query of targets."""
