"""What the schema shows of kpi: metrics, funnels, leaderboards and alerts; nothing is computed here."""
