"""The verbs of a knowledge base that a server answers, with the results that ours have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from knowledge.client import reading
from knowledge.client.connection import Connection, path_of
from knowledge.errors import ServerError
from knowledge.requests import (
    AskRequest,
    ChunksRequest,
    IngestRequest,
    Request,
    SearchRequest,
    SimilarRequest,
)
from knowledge.retrieval.pages import ChunkPage
from knowledge.retrieval.query import Query
from knowledge.retrieval.result import Retrieved
from knowledge.settings.pairs import listed

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer, Listener
    from knowledge.ingestion.request import FileListener, ProgressListener
    from knowledge.model import Chunk, Dataset, Hit, IngestReport, SourceFile
    from knowledge.settings.reading import Settings
    from knowledge.storage.history import MissedFile

    _Chunks = list[Chunk]
    _Missed = list[MissedFile]

Noun = TypeVar("Noun")
"""What a record is read as."""


class RemoteKnowledgeBase:
    """A server's knowledge base; a context manager.

    Parameters
    ----------
    settings:
        ``server`` is its address. What they set of a request is sent; the rest is the server's.
    """

    def __init__(self, settings: Settings, *, notify: Callable[[str], None]) -> None:
        self.settings = settings
        self._connection = Connection(settings)
        self.datasets = _Datasets(self._connection, settings, notify)
        self.files = _Files(self._connection, self.datasets, settings)
        self.upkeep = self.files

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def retrieve(self, request: SearchRequest) -> Retrieved:
        """Return the passages that fit a question best."""
        values = {**self._question(request), "explain": True}
        query = Query.of_request(request, self.settings)
        record = self._connection.ask("POST", "retrieve", json=values)
        return self._connection.read(lambda found: _retrieved(found, query), record)

    def similar(self, request: SimilarRequest) -> Retrieved:
        """Return the passages most like a file or a chunk."""
        query = Query.of_request(request.search(), self.settings)
        record = self._connection.ask("POST", "similar", json=_sent(request, self.settings))
        return self._connection.read(lambda found: _retrieved(found, query), record)

    def ask(self, request: AskRequest, *, listen: Listener | None = None) -> Answer:
        """Have the server's chat model answer a question."""
        values = self._question(request, without=("chat_model",))
        if request.chat_model is not None and request.chat_model != self.settings["chat_model"]:
            values["chat_model"] = request.chat_model  # which the server refuses
        for name, data in self._connection.events("POST", "ask", json=values):
            if name == "piece" and listen is not None:
                listen(self._connection.read(lambda piece: str(piece["text"]), data))
            if name == "answer":
                return self._connection.read(reading.answer, data)
        raise ServerError("the server's answer has no end", hint="Ask again.")

    def _question(self, request: SearchRequest, without: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return what of a question is sent; the datasets of the settings, where it names none."""
        named = listed(self.settings["datasets"])
        datasets = {"datasets": list(named)} if named else {}
        return {**datasets, **_sent(request, self.settings, without)}

    def show_chunk(
        self, chunk: str, dataset: str | None = None, *, before: int = 0, after: int = 0
    ) -> Hit:
        """Return a chunk, with neighbours before and after it."""
        params = {"before": before, "after": after, **({"dataset": dataset} if dataset else {})}
        record = self._connection.ask("GET", path_of("chunks", chunk), params=params)
        return self._connection.read(lambda found: reading.hit(found["chunk"]), record)

    def ingest(
        self,
        request: IngestRequest,
        *,
        progress: ProgressListener | None = None,
        on_file: FileListener | None = None,
    ) -> IngestReport:
        """Send files to the server, which ingests them."""
        from knowledge.client.sending import send

        name = request.dataset or str(self.settings["dataset"])
        report = send(self._connection, request, self.settings, name, progress)
        if on_file is not None:
            from knowledge.model import FileStatus

            for one in report.problems:
                if one.status in tuple(FileStatus):
                    on_file(one.file, FileStatus(one.status))
        return report


class _Datasets:
    def __init__(
        self, connection: Connection, settings: Settings, notify: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._notify = notify

    def list(self) -> list[Dataset]:
        """Return all datasets by name."""
        record = self._connection.ask("GET", "datasets")
        return self._connection.read(_all(reading.dataset, "datasets"), record)

    def asked(self) -> Sequence[str]:
        """Return the datasets that a question goes to which names none."""
        return listed(self._settings["datasets"]) or [self.chosen()]

    def chosen(self) -> str:
        """Return the dataset that is meant where none is named: the settings' or the only one."""
        named = str(self._settings["dataset"])
        if self._settings.is_set("dataset"):
            return named
        known = [one.name for one in self.list()]
        if len(known) != 1 or named in known:
            return named
        self._notify(f"dataset {known[0]!r}, the only one")
        return known[0]


class _Files:
    def __init__(self, connection: Connection, datasets: _Datasets, settings: Settings) -> None:
        self._connection = connection
        self._datasets = datasets
        self._settings = settings

    def list(self, dataset: str) -> list[SourceFile]:
        """Return a dataset's files by path."""
        record = self._listed(dataset, "ingested")
        return self._connection.read(_all(reading.file, "files"), record)

    def missed_files(self, dataset: str) -> _Missed:
        """Return the files that a dataset lacks."""
        record = self._listed(dataset, "all")
        return self._connection.read(_all(reading.missed, "missed"), record)

    def chunks(self, request: ChunksRequest) -> ChunkPage:
        """Return a page of a dataset's chunks."""
        name = request.dataset or self._datasets.chosen()
        params = _sent(request, self._settings, without=("dataset",))
        record = self._connection.ask("GET", path_of("datasets", name, "chunks"), params=params)
        return self._connection.read(_chunk_page, record)

    def get(self, file: str, dataset: str) -> tuple[SourceFile, _Chunks]:
        """Return a file and its chunks in order."""
        path = path_of("datasets", dataset, "files", file)
        record = self._connection.ask("GET", path, params={"text": "true"})
        return self._connection.read(_file_and_chunks, record)

    def _listed(self, dataset: str, status: str) -> dict[str, Any]:
        path = path_of("datasets", dataset, "files")
        return self._connection.ask("GET", path, params={"status": status})


def _sent(request: Request, settings: Settings, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what of a request is sent: what somebody decided here, by a flag or a setting."""
    filled = request.resolved(settings)
    found: dict[str, Any] = {}
    for name, default, declared in request.options():
        value = getattr(request, name)
        if value is None and declared.setting and settings.is_set(declared.setting):
            value = getattr(filled, name)
        if name not in without and value is not None and value != default:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _all(reader: Callable[[Any], Noun], name: str) -> Callable[[Any], list[Noun]]:
    """Return what reads all that a record lists under a name."""
    return lambda record: [reader(one) for one in record[name]]


def _chunk_page(record: Mapping[str, Any]) -> ChunkPage:
    found = map(reading.hit, record["chunks"])
    hits = [replace(hit, rank=rank) for rank, hit in enumerate(found, record["offset"] + 1)]
    return ChunkPage(record["dataset"], hits, record["total"], record["offset"])


def _file_and_chunks(record: Mapping[str, Any]) -> tuple[SourceFile, list[Chunk]]:
    file = record["file"]
    return reading.file(file), [reading.chunk(one) for one in file["passages"]]


def _retrieved(record: Mapping[str, Any], query: Query) -> Retrieved:
    """Return hits, with the query as the server answered it."""
    answered = replace(
        query, datasets=tuple(record["datasets"]), mode=record["mode"], top_k=record["top_k"]
    )
    lines = {
        one["chunk_id"]: list(one["explanation"]) for one in record["hits"] if "explanation" in one
    }
    return Retrieved(
        list(map(reading.hit, record["hits"])),
        answered,
        record["flow"] or "",
        tuple(record["queries"]),
        record["took_ms"] / 1000,
        explanations=lines,
    )
