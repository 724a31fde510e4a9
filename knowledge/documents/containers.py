"""Containers: files that hold files, such as archives and mails with attachments.

Whatever lies inside one file, however deep, shares one budget of unpacked bytes, text and members.
Nothing is ever written to disk, so no member's path can lead anywhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

from knowledge.documents.loading import Loaded, load
from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, FileProblem, FileStatus

MAX_DEPTH = 3
"""Containers inside one another, the file itself included."""

MAX_MEMBERS = 10_000
MAX_MEMBER = 512 * MIB
"""Bytes that one member may unpack to."""

MAX_RATIO = 250
"""Unpacked bytes for each packed one. Logs reach 50; a bomb needs 1,000."""

FREE = 16 * MIB
"""A member that unpacks to less may do so at any ratio."""

PIECE = 1 * MIB
CUT_OFF = "it is cut off or damaged"

NAMELESS = "(no name)"
_JUNK = frozenset({"__macosx", "__pycache__", "node_modules", "thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")

announce: Callable[[str], None] | None = None
"""Told the path of each member before it is read; set by a process that others watch."""


class BudgetError(DocumentError):
    """A bound that all members share is reached: the rest of the container is not read."""


@dataclass(slots=True)
class _Left:
    """What all members below one file may still take."""

    unpacked: int
    members: int
    text: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the members of a container may still take; ``depth`` counts the containers around them.

    ``inside`` is the path of the container in the outermost file, with ``!/`` at its end.
    """

    options: LoadOptions
    left: _Left
    depth: int = 0
    inside: str = ""

    @classmethod
    def of(cls, options: LoadOptions) -> Budget:
        """Return the budget of a file."""
        text = float("inf") if options.max_text is None else options.max_text
        return cls(options, _Left(options.max_unpacked, MAX_MEMBERS, text))

    def take_member(self) -> None:
        """Count a member.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.members -= 1
        if self.left.members < 0:
            raise BudgetError(f"it holds more than {MAX_MEMBERS:,} files, the limit")

    def take_bytes(self, size: int) -> None:
        """Count unpacked bytes.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.unpacked -= size
        if self.left.unpacked < 0:
            raise BudgetError(
                f"it unpacks to more than {self.options.max_unpacked / MIB:,.0f} MiB, the limit",
                hint="KNOW_MAX_UNPACKED_SIZE raises it",
            )

    def take_text(self, size: int) -> None:
        """Count bytes of text.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.text -= size
        if self.left.text < 0:
            raise BudgetError(
                f"it holds more than {(self.options.max_text or 0) / MIB:,.0f} MiB of text, "
                "the limit",
                hint="KNOW_MAX_TEXT_SIZE raises it",
            )


class Members:
    """Reads the members of one container; one that fails stops no other.

    Raises
    ------
    DocumentError
        The container lies too deep inside others.
    """

    def __init__(self, options: LoadOptions) -> None:
        budget = options.budget or Budget.of(options)
        if budget.depth >= MAX_DEPTH:
            raise DocumentError(
                f"it lies more than {MAX_DEPTH} archives deep, the limit",
                hint="Unpack the outer ones first",
            )
        self.budget = replace(budget, depth=budget.depth + 1)
        self._options = options
        self._documents: dict[str, tuple[Document, ...]] = {}
        self._problems: list[FileProblem] = []

    def read(self, path: str, data: bytes, name: str | None = None) -> None:
        """Read a member; a later one of the same path replaces it, as it would on a disk.

        Parameters
        ----------
        path:
            Its path in the container.
        data:
            Its bytes.
        name:
            Its file name, where the path's end is another.

        Raises
        ------
        BudgetError
            All text that one file may give is taken.
        """
        full = self.budget.inside + path
        if full in self._options.skip:
            self.problem(path, FileStatus.FAILED, self._options.skip[full])
            return
        if announce is not None:
            announce(full)
        below = replace(self.budget, inside=f"{full}!/")
        try:
            loaded = load(
                data, name or posixpath.basename(path), replace(self._options, budget=below)
            )
        except EmptyDocumentError as error:
            self.fail(path, error, FileStatus.EMPTY)
        except UnsupportedDocumentError as error:
            self.fail(path, error, FileStatus.UNSUPPORTED)
        except DocumentError as error:
            self.fail(path, error)
        except MemoryError:
            self.problem(path, FileStatus.FAILED, "it needs too much memory")
        else:
            self._take(path, loaded)

    def own(self, document: Document, path: str = "") -> None:
        """Take a document that is the container's own, such as a mail's text."""
        self.budget.take_text(len(document.text))
        self._documents[f"/{len(self._documents)}"] = (replace(document, member=path),)

    def fail(self, path: str, error: DocumentError, status: FileStatus = FileStatus.FAILED) -> None:
        """Note why a member could not be read."""
        reason = f"{error.message}. {error.hint}" if error.hint else error.message
        self.problem(path, status, reason)

    def problem(self, path: str, status: FileStatus | str, reason: str) -> None:
        """Note something about a member, or with an empty path about the container."""
        self._problems.append(FileProblem(path, str(status), reason))

    def cut_off(self, after: str) -> None:
        """Note that the container ends, or is damaged, behind the member ``after``."""
        where = f" after {after}" if after else ""
        self.problem("", FileStatus.FAILED, f"{CUT_OFF}{where}; what stands before was read")

    def loaded(self, metadata: Mapping[str, Any] | None = None) -> Loaded:
        """Return what was read."""
        documents = [document for found in self._documents.values() for document in found]
        return Loaded(tuple(documents), tuple(self._problems), metadata or {})

    def _take(self, path: str, loaded: Loaded) -> None:
        self._problems += (
            replace(problem, file=inside(path, problem.file)) for problem in loaded.problems
        )
        if path in self._documents:
            self.problem(path, "notice", "there are several of this name; the last one was read")
            del self._documents[path]
        # Members of an inner container have been counted there.
        self.budget.take_text(
            sum(len(found.text) for found in loaded.documents if not found.member)
        )
        self._documents[path] = tuple(
            replace(
                document,
                member=inside(path, document.member),
                metadata={**loaded.metadata, **document.metadata},
            )
            for document in loaded.documents
        )


class Stream(Protocol):
    """What unpacked bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class BoundedStream:
    """Gives a stream's bytes on, and raises when they become too many.

    Parameters
    ----------
    stream:
        Unpacks as it is read.
    packed:
        Bytes that it is unpacked from.
    limit:
        Most bytes that may come.
    """

    def __init__(
        self, stream: Stream | IO[bytes], packed: int, budget: Budget, limit: float
    ) -> None:
        self._stream = stream
        self._packed = packed
        self._budget = budget
        self._limit = limit
        self._size = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes.

        Raises
        ------
        DocumentError
            The ratio is that of a bomb, or the limit is passed.
        BudgetError
            All that the file's members may unpack to is taken.
        """
        piece = self._stream.read(min(size, PIECE))
        self._size += len(piece)
        if self._size > FREE and self._size > MAX_RATIO * self._packed:
            raise DocumentError(
                f"it unpacks to more than {MAX_RATIO} times its size, as a ZIP bomb does"
            )
        if self._size > self._limit:
            raise DocumentError(f"it unpacks to more than {self._limit / MIB:,.0f} MiB, the limit")
        self._budget.take_bytes(len(piece))
        return piece


def read_all(stream: Stream | IO[bytes], packed: int, budget: Budget) -> bytes:
    """Unpack one member.

    Raises
    ------
    DocumentError
        As `BoundedStream` gives them.
    """
    bounded = BoundedStream(stream, packed, budget, MAX_MEMBER)
    pieces = []
    while piece := bounded.read(PIECE):
        pieces.append(piece)
    return b"".join(pieces)


def member_path(name: str) -> str | None:
    """Return a member's path in one form; ``None`` when it leads out of the container."""
    path = name.replace("\\", "/").replace("\0", "")
    if path.startswith("/") or _DRIVE.match(path):
        return None
    path = posixpath.normpath(path)
    if path == ".." or path.startswith("../"):
        return None
    return NAMELESS if path == "." else path


def is_junk(path: str) -> bool:
    """Tell whether a path is hidden, or what systems and tools leave behind."""
    parts = path.lower().replace("\\", "/").split("/")
    return any(
        part in _JUNK or (part.startswith((".", "~$")) and part not in (".", ".."))
        for part in parts
    )


def inside(path: str, member: str) -> str:
    """Return the path of a member of the container at ``path``."""
    return f"{path}!/{member}" if path and member else path or member
