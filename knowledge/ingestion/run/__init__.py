"""One ingest: plan, read, embed, write, publish."""
