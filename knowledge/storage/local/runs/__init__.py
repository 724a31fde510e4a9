"""Runs that write: staged, then published as the next generation."""
