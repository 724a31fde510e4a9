"""Results for people, for scripts and as JSON."""
