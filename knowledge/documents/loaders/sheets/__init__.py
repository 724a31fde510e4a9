"""Loaders of spreadsheets."""
