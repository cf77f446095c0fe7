"""What the schema shows of incentives. The service answers nothing to the gateway yet, so no field is here."""
