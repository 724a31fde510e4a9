"""The catalog: a SQLite database, read by snapshots."""
