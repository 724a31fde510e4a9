"""Rerankers: score each hit anew by reading question and text together."""
