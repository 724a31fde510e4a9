"""Looking after what is stored: sizes, leftovers, backups, checks and what can be saved."""
