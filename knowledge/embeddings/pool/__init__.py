"""Texts to vectors in threads: batches, rates, retries, checks and the cache."""
