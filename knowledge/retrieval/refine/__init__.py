"""What happens to hits after they are found: one module of `steps` for each retrieval step."""
