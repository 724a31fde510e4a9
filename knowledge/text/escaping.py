"""Text of others without the characters that drive a terminal or belie what it shows.

Each such character is shown as the escape that Python and JSON know it by: ``\\x1b``, ``\\u202e``.
What joins or directs letters in Persian, Hebrew, Arabic and Indic texts and in emoji stays: the
zero-width joiners and the marks U+200E, U+200F and U+061C, which override nothing.
"""

from __future__ import annotations

import re

_UNSAFE = (
    r"\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1 controls, DEL
    r"\u2028\u2029"  # line ends to some programs and none to others
    r"\u202a-\u202e\u2066-\u206f"  # embeddings, overrides, isolates, deprecated formats
    r"\ufff9-\ufffb\ufffe\uffff"  # annotations, which hide text; no characters at all
    r"\ud800-\udfff"  # lone surrogates, which no encoding can carry
    r"\U000e0000-\U000e007f"  # tags: text that nobody sees
)
_IN_TEXT = rf"[{_UNSAFE}\r]"  # one class, which is twice as fast as alternatives
_IN_A_LINE = rf"[{_UNSAFE}\t\n\r]"
_IN_JSON = f"[{_UNSAFE}]"


def cleaned(text: str) -> str:
    """Return a text of one or more lines with unsafe characters shown as escapes.

    Line feeds, tabs, and carriage returns before a line feed stay.
    """
    return re.sub(_IN_TEXT, _escape_in_text, text)


def flat(text: str) -> str:
    """Return a text as one line: line ends and tabs are escaped too."""
    return re.sub(_IN_A_LINE, _escape, text)


def cleaned_json(text: str) -> str:
    """Return JSON that means the same and holds no unsafe character."""
    # JSON itself escapes the controls of ASCII, all but DEL.
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_IN_JSON, _json_escape, text)


def _escape_in_text(found: re.Match[str]) -> str:
    ends_a_line = found[0] == "\r" and found.string[found.end() : found.end() + 1] == "\n"
    return "\r" if ends_a_line else _escape(found)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
