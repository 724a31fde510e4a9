"""What every text goes through before anything is measured in it."""

from __future__ import annotations

import re

_DATA_URI = re.compile(r"(data:[\w.+-]{1,100}/[\w.+-]{1,100};base64,)[A-Za-z0-9+/=]{100,}")


def clean(text: str) -> str:
    """Return ``text`` without NUL, lone surrogates and byte order mark, lines ended by ``\\n``.

    No database takes NUL or lone surrogates; some PDF readers emit them.
    """
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # Two halves that stand together become the character they mean; the others go.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def drop_inline_data(text: str) -> str:
    """Return ``text`` without the content of long ``data:`` addresses, such as embedded images."""
    return _DATA_URI.sub(r"\1", text) if ";base64," in text else text
