"""The two streams: results on stdout, everything else on stderr."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_COMMANDS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


@functools.cache
def output_console() -> Console:
    """Return the console for results; rich honours NO_COLOR and FORCE_COLOR."""
    from rich.console import Console

    return Console(highlight=False)


@functools.cache
def error_console() -> Console:
    """Return the console for notes, progress and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def write(text: str) -> None:
    """Write to stdout as it is: no colour, no wrapping, no markup."""
    sys.stdout.write(printable(text))


def printable(text: str) -> str:
    """Return text that stdout's encoding can carry; what it can't stands as an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def harmless(text: str) -> str:
    """Return text of others without the characters that a terminal takes for commands."""
    return text.translate(_COMMANDS)


def field(value: object) -> str:
    """Return a value as one field of a tab-separated line: tabs and newlines are escaped."""
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
