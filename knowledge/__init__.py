"""A document knowledge base: ingest a folder, retrieve cited passages.

    from knowledge import KnowledgeBase

    with KnowledgeBase.open() as kb:
        kb.ingest(["./docs"])
        for hit in kb.retrieve("How do I rotate the signing key?"):
            print(hit.citation, hit.text)

Importing the package costs nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.errors import KnowledgeError
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import Chunk, Dataset, FileProblem, Hit, IngestReport, SourceFile

_HOMES = {
    "Chunk": "knowledge.model",
    "Dataset": "knowledge.model",
    "FileProblem": "knowledge.model",
    "Hit": "knowledge.model",
    "IngestReport": "knowledge.model",
    "KnowledgeBase": "knowledge.knowledge_base",
    "KnowledgeError": "knowledge.errors",
    "SourceFile": "knowledge.model",
}

__all__ = [
    "Chunk",
    "Dataset",
    "FileProblem",
    "Hit",
    "IngestReport",
    "KnowledgeBase",
    "KnowledgeError",
    "SourceFile",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("knowledge")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
