"""Rerankers: score each hit again by reading question and text together."""
