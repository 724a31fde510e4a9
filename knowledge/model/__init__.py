"""The nouns of the knowledge base: plain frozen dataclasses that every package may use.

Nothing here reads a file, a database or the network. Character offsets count Python
characters (Unicode code points) of a document's text, end exclusive. Lines, pages and ranks
count from 1, ordinals from 0.

Each is loaded when it is first used: making a dataclass takes as long as reading a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.lazy_names import lazy_names

if TYPE_CHECKING:
    from knowledge.model.datasets import Dataset, EmbedderSpec, Metadata, SourceFile, SplitterSpec
    from knowledge.model.documents import Anchor, Document, PageSpan, TextKind
    from knowledge.model.hits import Hit
    from knowledge.model.passages import Chunk, PageUnit, Passage
    from knowledge.model.reports import FileProblem, FileStatus, IngestReport, ReembedReport

_HOMES = {
    "Anchor": "documents",
    "Chunk": "passages",
    "Dataset": "datasets",
    "Document": "documents",
    "EmbedderSpec": "datasets",
    "FileProblem": "reports",
    "FileStatus": "reports",
    "Hit": "hits",
    "IngestReport": "reports",
    "Metadata": "datasets",
    "PageSpan": "documents",
    "PageUnit": "passages",
    "Passage": "passages",
    "ReembedReport": "reports",
    "SourceFile": "datasets",
    "SplitterSpec": "datasets",
    "TextKind": "documents",
}

__all__ = [
    "Anchor",
    "Chunk",
    "Dataset",
    "Document",
    "EmbedderSpec",
    "FileProblem",
    "FileStatus",
    "Hit",
    "IngestReport",
    "Metadata",
    "PageSpan",
    "PageUnit",
    "Passage",
    "ReembedReport",
    "SourceFile",
    "SplitterSpec",
    "TextKind",
]


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
