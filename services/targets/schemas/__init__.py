"""Wire models of targets: what is written, what is read, and what each field means."""
