"""The vector index of one generation, on Chroma."""
