"""What is kept: the catalog, the vectors in generations, the lock, the embedding cache."""
