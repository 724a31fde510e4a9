"""Settings: the table, reading them, profiles, and what a folder's own settings may decide."""
