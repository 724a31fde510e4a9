"""What catalogs in SQL share: their nouns as rows, what is read of them, and runs that write."""
