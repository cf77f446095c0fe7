"""What the schema shows of incentives: what people earn and why, statements and their plans."""
