"""Every query of kpi, by what it reads: the log, connections, the organisation, the funnel."""
