"""The two streams: results on stdout, everything else on stderr.

While a command runs, everything written to them is cleaned, whoever writes it: a command, a
library's warning, a traceback. Only the two consoles add colours, after they have cleaned.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from knowledge.cli.render.cleaning import cleaned, flat

if TYPE_CHECKING:
    from rich.console import Console

_WAYS_PAST = frozenset({"buffer", "detach"})


class OutputClosedError(BaseException):
    """The reader of stdout or stderr closed it."""


class CleanStream:
    """A text stream that escapes what could control a terminal, or cannot be encoded.

    Parameters
    ----------
    stream:
        The stream to write to; it also provides all other attributes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, cleaned; return its own length."""
        try:
            self._stream.write(encodable(cleaned(text), self._stream.encoding))
        except BrokenPipeError as error:  # libraries would make an exit code of their own of it
            raise OutputClosedError from error
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, cleaned."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in _WAYS_PAST:
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextlib.contextmanager
def clean_streams() -> Iterator[None]:
    """Clean what is written to stdout and stderr."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_clean, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _clean(stream: TextIO | None) -> TextIO:
    if stream is None:
        # It was closed before the start: its number is taken, lest a database gets it.
        stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until the process ends
    return cast(TextIO, CleanStream(stream))


def uncleaned(stream: IO[str]) -> IO[str]:
    """Return the stream behind a clean one."""
    return stream._stream if isinstance(stream, CleanStream) else stream


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


def encodable(text: str, encoding: str | None) -> str:
    """Return text that an encoding can represent, with the rest escaped."""
    if encoding is None or encoding.lower().replace("-", "") == "utf8":
        return text  # cleaning has left no lone surrogates
    return text.encode(encoding, "backslashreplace").decode(encoding)


def field(value: object) -> str:
    """Return a value as one field of a tab-separated line: tabs and line ends are escaped."""
    return flat("" if value is None else str(value).replace("\\", "\\\\"))
