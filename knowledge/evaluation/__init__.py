"""How well retrieval answers questions whose answers are known."""
