r"""JSON as text to read: broken into lines where it has none, ``\u`` escapes as characters."""

from __future__ import annotations

import re

_LONG_LINE = 500
"""Characters a line, on average, above which a JSON text is not meant to be read in lines."""
_SHORT = 100
_DEEPEST = 16
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)", re.DOTALL)


def is_in_lines(text: str) -> bool:
    """Tell whether the lines of a JSON text are short enough to be cited."""
    return len(text) <= _LONG_LINE * (1 + text.strip().count("\n"))


def in_lines(text: str) -> str:
    """Return a JSON text with a line for each member, short lists and objects in one line.

    Nothing but white space changes, so numbers stay as they are written; broken JSON too.
    """
    writer = _Lines()
    for match in _TOKEN.finditer(text):
        writer.add(match[0])
    return writer.text()


class _Lines:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[int] = []  # where the brackets that are open stand
        self._short: list[bool] = []  # whether what each holds so far can go in one line

    def add(self, mark: str) -> None:
        if mark in "{[":
            self._open.append(len(self._parts))
            self._short.append(True)
            self._parts.append(mark)
            self._break()
        elif mark in "}]":
            self._close(mark)
        elif mark == ",":
            self._parts.append(",")
            self._break()
        else:
            self._parts.append(": " if mark == ":" else mark)

    def text(self) -> str:
        return "".join(self._parts).lstrip("\n")

    def _close(self, mark: str) -> None:
        start = self._open.pop() if self._open else len(self._parts)
        short = self._short.pop() if self._short else False
        if short:
            parts = self._parts[start:]
            line = "".join(" " if part[0] == "\n" else part for part in parts)
            line = f"{line[0]}{line[1:].strip()}{mark}"
            if len(line) <= _SHORT:
                self._parts[start:] = [line]
                return
        if self._short:
            self._short[-1] = False
        self._break()
        self._parts.append(mark)

    def _break(self) -> None:
        self._parts.append("\n" + " " * min(len(self._open), _DEEPEST))


def with_plain_characters(text: str) -> str:
    r"""Return a JSON text with the characters that ``\u`` escapes stand for, ASCII ones left."""
    return _ESCAPE.sub(_character, text) if "\\u" in text else text


def _character(match: re.Match[str]) -> str:
    if not match[1]:
        return match[0]
    code = int(match[1], 16)
    if code < 0xA0 or code in (0x2028, 0x2029, 0xFEFF):
        return match[0]
    if 0xD800 <= code < 0xDC00 and match[2]:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(match[2], 16) - 0xDC00)
    if 0xD800 <= code < 0xE000:
        return match[0]  # half of a character is none
    return chr(code) + (f"\\u{match[2]}" if match[2] else "")
