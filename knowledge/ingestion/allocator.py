"""Keeps the C library from holding much more memory than is in use."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_ARENA_MAX = -8  # mallopt(3)
_ARENAS = 2


def share_arenas() -> None:
    """Let the threads of this process share two of glibc's heaps, where there is glibc.

    It gives each thread a heap of its own, up to eight a core, and what is freed in one is of no
    use to the others. Ingesting 50,000 files with 149,000 chunks took 714 MB so, and 599 MB with
    two, at the same processor time.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
