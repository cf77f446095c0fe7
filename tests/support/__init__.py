"""What several tests need: a running kpi, tokens, signed deliveries, a moving clock."""
