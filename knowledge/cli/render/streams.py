"""The streams while a command runs: cleaned, whoever writes to them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO, cast

from knowledge.text.escaping import cleaned

_WAYS_PAST = frozenset({"buffer", "detach"})


class OutputClosedError(BaseException):
    """The reader of stdout or stderr closed it."""


class OutputFailedError(BaseException):
    """What stdout or stderr goes to cannot be written, such as a file on a full disk."""


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
        except OSError as error:
            raise OutputFailedError(error.strerror) from error
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
    """Clean what is written to stdout and stderr; a stdin that was closed is empty."""
    if cast(TextIO | None, sys.stdin) is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  takes its number
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_clean, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _clean(stream: TextIO | None) -> TextIO:
    if stream is None:
        # It was closed before the start: its number is taken, so that no database gets it.
        stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until the process ends
    return cast(TextIO, CleanStream(stream))


def uncleaned(stream: IO[str]) -> IO[str]:
    """Return the stream behind a clean one."""
    return stream._stream if isinstance(stream, CleanStream) else stream


def encodable(text: str, encoding: str | None) -> str:
    """Return text that an encoding can represent, with the rest escaped."""
    if encoding is None or encoding.lower().replace("-", "") == "utf8":
        return text  # cleaning has left no lone surrogates
    return text.encode(encoding, "backslashreplace").decode(encoding)
