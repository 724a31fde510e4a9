"""A file of a run, before it is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.model import SourceFile

ON_UNIX = sys.platform != "win32"
"""There a file's ``ctime`` is when anything about it changed; on Windows when it was made."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file came from that is not read in place.

    Parameters
    ----------
    name:
        What people call it.
    load_as:
        A name whose extension tells its kind.
    mtime_ns:
        When it was last changed there; 0 when that is not known, then the time of reading counts.
    metadata:
        Facts such as the commit it belongs to.
    remembered:
        What the next run must know of it.
    known:
        The stored file that it is, which may stand under another URL.
    unchanged:
        Its source has proved that it still is what is stored of it; there is nothing to read.
    """

    name: str
    load_as: str
    mtime_ns: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    remembered: Mapping[str, Any] = field(default_factory=dict)
    known: SourceFile | None = None
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to look at.

    ``path`` opens it; ``shown`` is the same for people and for the catalog, where bytes that are
    no UTF-8 stand as ``\\xNN``. ``size`` counts bytes. ``folder_metadata`` is what
    ``.knowledge.json`` files say of it; ``None`` when one of them cannot be read. ``given`` is what
    the user gives to it alone. ``content`` are the bytes of a document that is no file.
    ``ctime_ns`` is when the system last changed anything about the file, which nobody can put back;
    0 where that is not known.
    """

    path: str
    shown: str
    size: int
    mtime_ns: int
    folder_metadata: Mapping[str, Any] | None = field(default_factory=dict)
    origin: Origin | None = None
    content: bytes | None = field(default=None, repr=False)
    ctime_ns: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_in_place(self) -> bool:
        """True for a file that is read where it lies, so that its time shows changes."""
        return self.origin is None and self.content is None
