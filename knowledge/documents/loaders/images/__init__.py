"""Pictures and scans with text, by OCR."""
