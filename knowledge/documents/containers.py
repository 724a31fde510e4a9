"""Containers: files that hold files, such as archives and mails with attachments.

Whatever lies inside one file, however deep, shares one budget of unpacked bytes, text and members.
Nothing is ever written to disk, so no member's path can lead anywhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knowledge.documents.budget import Budget
from knowledge.documents.loading import Loaded, Source, read
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, FileProblem, FileStatus

MAX_DEPTH = 3
"""Containers inside one another, the file itself included."""

CUT_OFF = "it is cut off or damaged"

NAMELESS = "(no name)"
_JUNK = frozenset({"__macosx", "__pycache__", "node_modules", "thumbs.db", "desktop.ini"})
_DRIVE = re.compile(r"[A-Za-z]:")


class Members:
    """Reads the members of one container; one that fails stops no other.

    Raises
    ------
    DocumentError
        The container lies too deep inside others.
    """

    def __init__(self, source: Source) -> None:
        budget = source.budget or Budget.of(source.options)
        if budget.depth >= MAX_DEPTH:
            raise DocumentError(
                f"it lies more than {MAX_DEPTH} archives deep, the limit",
                hint="Unpack the outer ones first",
            )
        self.budget = replace(budget, depth=budget.depth + 1)
        self._source = source
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
        if full in self._source.options.skip:
            self.problem(path, FileStatus.FAILED, self._source.options.skip[full])
            return
        if self._source.announce is not None:
            self._source.announce(full)
        member = replace(
            self._source,
            data=data,
            name=name or posixpath.basename(path),
            format="",
            budget=replace(self.budget, inside=f"{full}!/"),
        )
        try:
            loaded = read(member)
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
        self.problem(path, status, error.in_full)

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
