"""Word processing, sheets and slides: OOXML, OpenDocument, RTF and the formats of 1997."""
