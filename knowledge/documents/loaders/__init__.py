"""One file per engine; each takes bytes and gives a Document."""
