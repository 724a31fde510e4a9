"""Worker processes that read, split and count."""
