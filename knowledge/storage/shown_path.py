"""Paths as the catalog and people see them: always text, and still telling the file.

A file's name is bytes, and need not be UTF-8. A byte that is none stands as ``\\xNN``; a name that
really holds such a sequence has its backslash doubled, so that no two paths are shown alike.
"""

from __future__ import annotations

import os
import re

_ESCAPED = r"\\(\\x[89a-f][0-9a-f])|\\x([89a-f][0-9a-f])"
_LOOKS_ESCAPED = r"\\(?=\\*x[89a-f][0-9a-f])"


def shown(path: str) -> str:
    """Return a path as text that can be stored and printed."""
    if "\\x" not in path and path.isascii():
        return path
    text = re.sub(_LOOKS_ESCAPED, r"\\\\", path) if "\\x" in path else path
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def real_path(text: str) -> bytes | str:
    """Return what opens the path that is shown as ``text``."""
    if "\\x" not in text:
        return text
    parts = []
    end = 0
    for match in re.finditer(_ESCAPED, text):
        parts.append(text[end : match.start()].encode())
        parts.append(match[1].encode() if match[1] else bytes.fromhex(match[2]))
        end = match.end()
    return b"".join([*parts, text[end:].encode()])
