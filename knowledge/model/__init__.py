"""The nouns of the knowledge base: plain frozen dataclasses that every package may use.

Nothing here reads a file, a database or the network. Character offsets count Python
characters (Unicode code points) of a document's text, end exclusive. Lines, pages and ranks
count from 1, ordinals from 0.

Each is loaded when it is first used: making a dataclass takes as long as reading a file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
