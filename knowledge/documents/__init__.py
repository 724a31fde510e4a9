"""Bytes to documents to passages: detection, loaders, splitting."""
