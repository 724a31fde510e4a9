"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return such as ``1 file`` and ``2,000 files``.

    Parameters
    ----------
    plural:
        Where it is not the noun with an ``s``.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
