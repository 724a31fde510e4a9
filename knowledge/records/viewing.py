"""A passage where it stands in its document, and what a dataset's files can be filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.documents.loaders.pdf.marking import Marks
    from knowledge.model import Hit, SourceFile


class FileState(StrEnum):
    """What has become of a file since it was ingested."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    """It is no file of this machine: an address, an upload, a member of a container."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The text of a document, or as much of it as is shown.

    Parameters
    ----------
    mark_start, mark_end:
        Where the passage stands in it, in characters.
    first_line:
        Number of its first line in the file; ``None`` where its lines are not the file's.
    cut_before, cut_after:
        Whether the document goes on there.
    """

    text: str
    mark_start: int
    mark_end: int
    first_line: int | None = None
    cut_before: bool = False
    cut_after: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk in its document.

    Parameters
    ----------
    marks:
        The pages that it stands on, where they can be drawn.
    reason:
        Why they can't, where that should be known.
    """

    hit: Hit
    file: SourceFile
    state: FileState
    shown: Shown
    marks: Marks | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Some of a dataset's files.

    Parameters
    ----------
    pattern:
        Finds them, as ``files`` of a search.
    """

    name: str
    pattern: str
    files: int
    chunks: int


def place(found: Place) -> dict[str, Any]:
    """Return a chunk in its document as ``knowledge.place/1``."""
    passage, marks = found.hit.chunk.passage, found.marks
    return of(
        "place",
        {
            "dataset": found.hit.dataset,
            "chunk_id": found.hit.chunk.id,
            "file": found.file.path,
            "file_id": found.file.id,
            "name": found.file.name,
            "member": passage.member or None,
            "citation": found.hit.citation,
            "heading": list(passage.heading),
            "state": found.state.value,
            **asdict(found.shown),
            "page_count": marks.page_count if marks else None,
            "found": marks.share if marks else None,
            "pages": [
                {
                    "number": one.number,
                    "width": one.width,
                    "height": one.height,
                    "boxes": [list(box) for box in one.boxes],
                }
                for one in (marks.pages if marks else ())
            ],
            "reason": found.reason or None,
        },
    )


def filters(
    dataset: str, types: Sequence[FileFilter], folders: Sequence[FileFilter]
) -> dict[str, Any]:
    """Return what a dataset's files can be filtered by as ``knowledge.filters/1``."""
    return of(
        "filters",
        {
            "dataset": dataset,
            "types": list(map(asdict, types)),
            "folders": list(map(asdict, folders)),
        },
    )
