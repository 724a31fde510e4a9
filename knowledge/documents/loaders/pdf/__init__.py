"""PDF: text with its pages, outline, columns and attachments."""
