"""Panics of native libraries, which Python sees as a BaseException of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from knowledge.errors import DocumentError


@contextmanager
def panics_as_errors(what: str) -> Iterator[None]:
    """Turn a Rust panic inside the block into an error; leave all else as it is.

    Parameters
    ----------
    what:
        What was being done: "reading it", "splitting it".

    Raises
    ------
    DocumentError
        The native code panicked.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"{what} crashed: {reason}") from error
