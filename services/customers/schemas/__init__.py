"""Wire models of customers: what is written, what is read, and what each field means."""
