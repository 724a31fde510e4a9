"""The store in a Postgres database: catalog, full-text lists, cache and vectors by pgvector."""
