"""The local store: a SQLite catalog, published generations, locks."""
