"""What the schema shows of customers. The service answers nothing to the gateway yet, so no field is here."""
