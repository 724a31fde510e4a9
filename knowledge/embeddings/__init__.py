"""Text to vectors: one file per provider, and the pool that drives them all."""
