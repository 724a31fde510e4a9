"""Servers that keep vectors: Chroma and Qdrant, behind one small protocol."""
