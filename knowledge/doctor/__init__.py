"""Checking a data folder, and repairing it from what the rest of it proves."""
