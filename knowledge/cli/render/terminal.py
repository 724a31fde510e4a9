"""The two streams: results on stdout, everything else on stderr.

While a command runs, everything written to them is cleaned (:mod:`.streams`), whoever writes it: a
command, a library's warning, a traceback. Only the two consoles add colours, after they have
cleaned.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from knowledge.cli.render.streams import uncleaned
from knowledge.text.escaping import flat

if TYPE_CHECKING:
    from rich.console import Console


def binary_output() -> BinaryIO:
    """Return stdout for bytes, which are no text and go to no terminal."""
    return cast(TextIO, uncleaned(sys.stdout)).buffer


@functools.cache
def output_console() -> Console:
    """Return the console for results; rich honours NO_COLOR and FORCE_COLOR."""
    from knowledge.cli.render.console import CleanConsole

    return CleanConsole(highlight=False, emoji=False)


@functools.cache
def error_console() -> Console:
    """Return the console for notes, progress and errors."""
    from knowledge.cli.render.console import CleanConsole

    return CleanConsole(stderr=True, highlight=False, emoji=False)


def write(text: str) -> None:
    """Write to stdout: no colour, no wrapping, no markup."""
    sys.stdout.write(text)


def complain(text: str) -> None:
    """Write to stderr: no colour, no wrapping, no markup."""
    sys.stderr.write(text)


def field(value: object) -> str:
    """Return a value as one field of a tab-separated line: tabs and line ends are escaped."""
    return flat("" if value is None else str(value).replace("\\", "\\\\"))
