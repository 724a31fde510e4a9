"""A query to ranked hits: filters, dense and keyword search, fusion."""
