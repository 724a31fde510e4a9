"""A document knowledge base: ingest a folder, retrieve cited passages.

    from knowledge import KnowledgeBase

    with KnowledgeBase.open() as kb:
        kb.ingest(["./docs"])
        for hit in kb.retrieve("How do I rotate the signing key?"):
            print(hit.citation, hit.text)

Importing the package costs nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer
    from knowledge.doctor.report import DoctorReport
    from knowledge.embeddings.probe import ProbeReport
    from knowledge.errors import (
        DamagedArchiveError,
        DamagedStoreError,
        DatasetExistsError,
        DatasetNotFoundError,
        DocumentError,
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
        OutputExistsError,
        PathNotFoundError,
        PrivateHostError,
        RemoteAuthError,
        RemoteBatchTooLargeError,
        RemoteError,
        RemoteInputTooLongError,
        RemoteQuotaError,
        RemoteRateLimitError,
        RemoteResponseError,
        RemoteUnavailableError,
        SomeFilesFailedError,
        UnsupportedDocumentError,
        UntrustedEndpointError,
        UntrustedModelError,
        UsageError,
    )
    from knowledge.evaluation.evaluation import Evaluation
    from knowledge.ingestion.request import Progress
    from knowledge.ingestion.source_text import SourceText
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
    from knowledge.storage.reports import Status

_HOMES = {
    "Answer": "answering.answer",
    "AskRequest": "requests",
    "Chunk": "model",
    "DamagedArchiveError": "errors",
    "DamagedStoreError": "errors",
    "Dataset": "model",
    "DatasetExistsError": "errors",
    "DatasetNotFoundError": "errors",
    "DoctorReport": "doctor.report",
    "DocumentError": "errors",
    "EmbedderSpec": "model",
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
    "OutputExistsError": "errors",
    "Passage": "model",
    "PathNotFoundError": "errors",
    "PrivateHostError": "errors",
    "ProbeReport": "embeddings.probe",
    "Progress": "ingestion.request",
    "ReembedReport": "model",
    "RemoteAuthError": "errors",
    "RemoteBatchTooLargeError": "errors",
    "RemoteError": "errors",
    "RemoteInputTooLongError": "errors",
    "RemoteQuotaError": "errors",
    "RemoteRateLimitError": "errors",
    "RemoteResponseError": "errors",
    "RemoteUnavailableError": "errors",
    "Retrieved": "retrieval.result",
    "SearchRequest": "requests",
    "Settings": "settings.reading",
    "SimilarRequest": "requests",
    "SomeFilesFailedError": "errors",
    "SourceFile": "model",
    "SourceText": "ingestion.source_text",
    "SplitterSpec": "model",
    "Status": "storage.reports",
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
    "Chunk",
    "DamagedArchiveError",
    "DamagedStoreError",
    "Dataset",
    "DatasetExistsError",
    "DatasetNotFoundError",
    "DoctorReport",
    "DocumentError",
    "EmbedderSpec",
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
    "OutputExistsError",
    "Passage",
    "PathNotFoundError",
    "PrivateHostError",
    "ProbeReport",
    "Progress",
    "ReembedReport",
    "RemoteAuthError",
    "RemoteBatchTooLargeError",
    "RemoteError",
    "RemoteInputTooLongError",
    "RemoteQuotaError",
    "RemoteRateLimitError",
    "RemoteResponseError",
    "RemoteUnavailableError",
    "Retrieved",
    "SearchRequest",
    "Settings",
    "SimilarRequest",
    "SomeFilesFailedError",
    "SourceFile",
    "SourceText",
    "SplitterSpec",
    "Status",
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
    from knowledge.lazy_names import lazy_names

    return lazy_names(__name__, _HOMES)(name)


def __dir__() -> list[str]:
    return __all__
