"""Pure rules of kpi: values in, values out."""
