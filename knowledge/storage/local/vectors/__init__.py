"""Vectors in Chroma folders, one a published generation."""
