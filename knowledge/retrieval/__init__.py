"""A question to hits: embed, search, filter, hydrate."""
