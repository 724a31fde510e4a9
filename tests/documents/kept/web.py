"""Samples of pages, books, mail and PDF: (title of the format, column) to a sample."""

SAMPLES = {}
