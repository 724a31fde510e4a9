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
    from knowledge.answering.answer import Answer
    from knowledge.doctor.findings import DoctorReport
    from knowledge.embeddings.probe import ProbeReport
    from knowledge.errors import (
        ChatAuthError,
        ChatError,
        ChatInputTooLongError,
        ChatQuotaError,
        ChatResponseError,
        ChatUnavailableError,
        DamagedArchiveError,
        DamagedStoreError,
        DatasetExistsError,
        DatasetNotFoundError,
        DocumentError,
        EmbeddingAuthError,
        EmbeddingBatchTooLargeError,
        EmbeddingError,
        EmbeddingInputTooLongError,
        EmbeddingQuotaError,
        EmbeddingRateLimitError,
        EmbeddingResponseError,
        EmptyDocumentError,
        FetchError,
        FileNotInDatasetError,
        FlowsFileError,
        KnowledgeError,
        LockedError,
        ModelMismatchError,
        NewerArchiveError,
        NewerStoreError,
        NoChatModelError,
        NotFoundError,
        PathNotFoundError,
        PrivateHostError,
        SomeFilesFailedError,
        TransientEmbeddingError,
        UnsupportedDocumentError,
        UntrustedEndpointError,
        UntrustedModelError,
        UsageError,
    )
    from knowledge.evaluation.evaluation import Evaluation
    from knowledge.ingestion.request import Progress
    from knowledge.ingestion.sources.source_text import SourceText
    from knowledge.ingestion.watch.events import WatchEvent, WatchEventKind
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import (
        Chunk,
        Dataset,
        EmbedderSpec,
        FileProblem,
        FileStatus,
        Hit,
        IngestReport,
        Passage,
        ReembedReport,
        SourceFile,
        SplitterSpec,
    )
    from knowledge.requests import (
        AskRequest,
        IngestRequest,
        InlineText,
        SearchRequest,
        SimilarRequest,
        WatchRequest,
    )
    from knowledge.retrieval.result import Retrieved
    from knowledge.settings.reading import Settings
    from knowledge.storage.local.upkeep.status import Status

_HOMES = {
    "Answer": "answering.answer",
    "AskRequest": "requests",
    "ChatAuthError": "errors",
    "ChatError": "errors",
    "ChatInputTooLongError": "errors",
    "ChatQuotaError": "errors",
    "ChatResponseError": "errors",
    "ChatUnavailableError": "errors",
    "Chunk": "model",
    "DamagedArchiveError": "errors",
    "DamagedStoreError": "errors",
    "Dataset": "model",
    "DatasetExistsError": "errors",
    "DatasetNotFoundError": "errors",
    "DoctorReport": "doctor.findings",
    "DocumentError": "errors",
    "EmbedderSpec": "model",
    "EmbeddingAuthError": "errors",
    "EmbeddingBatchTooLargeError": "errors",
    "EmbeddingError": "errors",
    "EmbeddingInputTooLongError": "errors",
    "EmbeddingQuotaError": "errors",
    "EmbeddingRateLimitError": "errors",
    "EmbeddingResponseError": "errors",
    "EmptyDocumentError": "errors",
    "Evaluation": "evaluation.evaluation",
    "FetchError": "errors",
    "FileNotInDatasetError": "errors",
    "FileProblem": "model",
    "FileStatus": "model",
    "FlowsFileError": "errors",
    "Hit": "model",
    "IngestReport": "model",
    "IngestRequest": "requests",
    "InlineText": "requests",
    "KnowledgeBase": "knowledge_base",
    "KnowledgeError": "errors",
    "LockedError": "errors",
    "ModelMismatchError": "errors",
    "NewerArchiveError": "errors",
    "NewerStoreError": "errors",
    "NoChatModelError": "errors",
    "NotFoundError": "errors",
    "Passage": "model",
    "PathNotFoundError": "errors",
    "PrivateHostError": "errors",
    "ProbeReport": "embeddings.probe",
    "Progress": "ingestion.request",
    "ReembedReport": "model",
    "Retrieved": "retrieval.result",
    "SearchRequest": "requests",
    "Settings": "settings.reading",
    "SimilarRequest": "requests",
    "SomeFilesFailedError": "errors",
    "SourceFile": "model",
    "SourceText": "ingestion.sources.source_text",
    "SplitterSpec": "model",
    "Status": "storage.local.upkeep.status",
    "TransientEmbeddingError": "errors",
    "UnsupportedDocumentError": "errors",
    "UntrustedEndpointError": "errors",
    "UntrustedModelError": "errors",
    "UsageError": "errors",
    "WatchEvent": "ingestion.watch.events",
    "WatchEventKind": "ingestion.watch.events",
    "WatchRequest": "requests",
}

__all__ = [
    "Answer",
    "AskRequest",
    "ChatAuthError",
    "ChatError",
    "ChatInputTooLongError",
    "ChatQuotaError",
    "ChatResponseError",
    "ChatUnavailableError",
    "Chunk",
    "DamagedArchiveError",
    "DamagedStoreError",
    "Dataset",
    "DatasetExistsError",
    "DatasetNotFoundError",
    "DoctorReport",
    "DocumentError",
    "EmbedderSpec",
    "EmbeddingAuthError",
    "EmbeddingBatchTooLargeError",
    "EmbeddingError",
    "EmbeddingInputTooLongError",
    "EmbeddingQuotaError",
    "EmbeddingRateLimitError",
    "EmbeddingResponseError",
    "EmptyDocumentError",
    "Evaluation",
    "FetchError",
    "FileNotInDatasetError",
    "FileProblem",
    "FileStatus",
    "FlowsFileError",
    "Hit",
    "IngestReport",
    "IngestRequest",
    "InlineText",
    "KnowledgeBase",
    "KnowledgeError",
    "LockedError",
    "ModelMismatchError",
    "NewerArchiveError",
    "NewerStoreError",
    "NoChatModelError",
    "NotFoundError",
    "Passage",
    "PathNotFoundError",
    "PrivateHostError",
    "ProbeReport",
    "Progress",
    "ReembedReport",
    "Retrieved",
    "SearchRequest",
    "Settings",
    "SimilarRequest",
    "SomeFilesFailedError",
    "SourceFile",
    "SourceText",
    "SplitterSpec",
    "Status",
    "TransientEmbeddingError",
    "UnsupportedDocumentError",
    "UntrustedEndpointError",
    "UntrustedModelError",
    "UsageError",
    "WatchEvent",
    "WatchEventKind",
    "WatchRequest",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("knowledge")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"knowledge.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
