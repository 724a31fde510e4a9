"""Texts made fit to be sent."""

from __future__ import annotations


def sendable(text: str) -> str:
    """Return the text without lone surrogates, which no server and no tokenizer takes.

    Raises
    ------
    ValueError
        The text is blank.
    """
    if not text.strip():
        raise ValueError("a blank text can't be embedded")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
