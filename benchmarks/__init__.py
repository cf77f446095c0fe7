"""The measured work: run it with `make bench`; README.md says what each number is."""
