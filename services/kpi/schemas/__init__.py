"""Wire models of kpi: `wire` of its routes, `events` of the log."""
