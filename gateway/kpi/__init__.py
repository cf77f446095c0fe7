"""What the schema shows of kpi: funnels, and the subscriptions that follow its changes."""
