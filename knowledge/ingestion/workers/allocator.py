"""Keeps the C library from holding much more memory than is in use."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # mallopt(3)
_M_ARENA_MAX = -8
_ARENAS = 2
_LARGE = 1024 * 1024


def share_arenas() -> None:
    """Let the threads of this process share two of glibc's heaps, where there is glibc.

    It gives each thread a heap of its own, up to eight a core, and what is freed in one is of no
    use to the others. Ingesting 50,000 files with 149,000 chunks took 714 MB so, and 599 MB with
    two, at the same processor time. Blocks of 1 MiB and more stay outside the heaps: glibc would
    take ever larger ones in, and could not give back what is freed between them.
    """
    _call("mallopt", _M_ARENA_MAX, _ARENAS)
    _call("mallopt", _M_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Return what is free in glibc's heaps to the system; takes some milliseconds."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
            getattr(ctypes.CDLL(None), name)(*arguments)
