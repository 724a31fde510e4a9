"""Document -> Passages: sections, chunks, rows and code."""
