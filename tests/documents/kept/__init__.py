"""Samples for the table of what each format keeps, in docs/formats.md."""
