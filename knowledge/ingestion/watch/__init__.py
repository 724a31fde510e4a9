"""Keeping a dataset in step with every change."""
