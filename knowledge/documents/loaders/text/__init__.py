"""Plain text and what is written in it: markup, data, code, notebooks, subtitles."""
