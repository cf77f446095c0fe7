"""Stub services that speak the wire the gateway reads, count their calls and fail on demand."""
