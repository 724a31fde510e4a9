"""The facade that composes the rooms: what Python users and the command line call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from knowledge.errors import DatasetNotFoundError, FileNotInDatasetError, UsageError
from knowledge.model import Chunk, Dataset, Hit, IngestReport, SourceFile
from knowledge.settings import Settings
from knowledge.storage.layout import DataFolder, folder_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool import EmbeddingPool
    from knowledge.ingestion.request import (
        FileListener,
        IngestRequest,
        Notify,
        ProgressListener,
    )
    from knowledge.retrieval.query import Query
    from knowledge.retrieval.retriever import Retriever
    from knowledge.storage.catalog import Catalog

StrPath = str | os.PathLike[str]


def _say_nothing(_: str) -> None:
    pass


class KnowledgeBase:
    """All datasets of one data folder; a context manager.

    Readers need no lock and see the last published state. Methods that write take the lock of
    the dataset they write to. One object is for one thread at a time.

    Parameters
    ----------
    settings:
        As :meth:`Settings.read` gives them; :meth:`open` is the easier way.
    notify:
        Told what is worth a line while a method works.
    """

    def __init__(self, settings: Settings, *, notify: Notify = _say_nothing) -> None:
        self.settings = settings
        self.folder = DataFolder.locate(settings["data_dir"])
        self._notify = notify
        self._retriever: Retriever | None = None
        self._pools: dict[str, EmbeddingPool] = {}

    @classmethod
    def open(cls, data_dir: StrPath | None = None, **settings: Any) -> Self:
        """Open a knowledge base; nothing is written before something is ingested.

        Parameters
        ----------
        data_dir:
            The data folder; default KNOW_DATA_DIR, else the platform's own.
        settings:
            Any setting by its name, such as ``embedding_model_provider="openai"``; others come
            from the environment, ``.env`` and ``knowledge.yaml``.

        Raises
        ------
        UsageError
            A setting does not exist or does not fit.
        """
        folder = None if data_dir is None else os.fspath(data_dir)
        return cls(Settings.read(data_dir=folder, **settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; the object can still be used."""
        if self._retriever is not None:
            self._retriever.close()
        while self._pools:
            self._pools.popitem()[1].close()

    def ingest(
        self,
        paths: StrPath | Iterable[StrPath],
        dataset: str = "default",
        *,
        create: bool = True,
        progress: ProgressListener | None = None,
        **options: Any,
    ) -> IngestReport:
        """Bring a dataset in step with files and folders.

        Parameters
        ----------
        paths:
            One path, or several.
        create:
            Make the dataset when there is none.
        progress:
            Told how far the run is, from several threads.
        options:
            Fields of :class:`knowledge.ingestion.request.IngestRequest`: ``prune``, ``force``,
            ``dry_run``, ``recursive``, ``metadata``, ``ignore`` and so on.

        Returns
        -------
        IngestReport
            Failed files are in it; they raise nothing.

        Raises
        ------
        KnowledgeError
            What ended the whole run: a path that does not exist, another model, a lock, the
            provider.
        """
        from knowledge.ingestion.request import IngestRequest

        single = isinstance(paths, str | os.PathLike)
        listed: list[StrPath] = [paths] if single else list(paths)  # type: ignore[list-item, arg-type]
        request = IngestRequest([Path(path) for path in listed], **options)
        return self.run_ingest(request, dataset, create=create, progress=progress)

    def run_ingest(
        self,
        request: IngestRequest,
        dataset: str,
        *,
        create: bool = True,
        progress: ProgressListener | None = None,
        on_file: FileListener | None = None,
    ) -> IngestReport:
        """Run a request that is put together already; else like :meth:`ingest`."""
        from knowledge.ingestion.session import ingest

        return ingest(
            self.folder,
            dataset,
            request,
            self.settings,
            create=create,
            notify=self._notify,
            progress=progress,
            on_file=on_file,
        )

    def retrieve(
        self,
        query: str,
        datasets: str | Sequence[str] = ("default",),
        top_k: int = 10,
        *,
        threshold: float | None = None,
        keywords: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        mode: str = "dense",
    ) -> list[Hit]:
        """Return the passages nearest to a question, best first; none is an empty list.

        Parameters
        ----------
        query:
            The question.
        datasets:
            Name or names; hits of all are ranked together.
        top_k:
            Most hits, from 1 to 10,000.
        threshold:
            Least cosine similarity, in [-1, 1].
        keywords:
            A chunk must hold one of these, and none of those that begin with ``-``.
        where:
            Metadata that the file must have.
        mode:
            ``dense``: cosine similarity.

        Raises
        ------
        UsageError
            An argument does not fit.
        DatasetNotFoundError
            A dataset does not exist.
        EmbeddingError
            The provider failed.
        """
        from knowledge.retrieval.query import Query

        names = (datasets,) if isinstance(datasets, str) else tuple(datasets)
        return self.run_query(
            Query(query, names, top_k, threshold, tuple(keywords), dict(where or {}), mode)
        )

    def run_query(self, query: Query) -> list[Hit]:
        """Run a query that is put together already; else like :meth:`retrieve`."""
        from knowledge.retrieval.retriever import Retriever

        if self._retriever is None:
            self._retriever = Retriever(self.folder, self._embed_query)
        return self._retriever.retrieve(query)

    def ask_dir(
        self,
        query: str,
        path: StrPath,
        top_k: int = 10,
        *,
        progress: ProgressListener | None = None,
    ) -> tuple[IngestReport, list[Hit]]:
        """Bring a folder's own dataset in step with it, then retrieve from it.

        Raises
        ------
        UsageError
            ``path`` is no folder.
        KnowledgeError
            As :meth:`ingest` and :meth:`retrieve`.
        """
        name = self.folder_dataset(path)
        report = self.ingest(Path(path).resolve(), name, prune=True, progress=progress)
        return report, self.retrieve(query, name, top_k)

    @staticmethod
    def folder_dataset(path: StrPath) -> str:
        """Return the name of the dataset that belongs to a folder: its name and a hash.

        Raises
        ------
        UsageError
            ``path`` is no folder.
        """
        folder = Path(path).resolve()
        if not folder.is_dir():
            raise UsageError(f"{path} is not a folder")
        return folder_name(folder)

    def datasets(self) -> list[Dataset]:
        """Return all datasets by name."""
        if not self.folder.catalog.exists():
            return []
        with self._catalog() as catalog:
            return catalog.datasets()

    def dataset(self, name: str) -> Dataset:
        """Return one dataset.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(name) as catalog:
            return catalog.dataset(name)

    def create_dataset(self, name: str, metadata: Mapping[str, Any] | None = None) -> Dataset:
        """Create an empty dataset; its embedder is chosen at the first ingest.

        Raises
        ------
        DatasetExistsError
            The name is taken.
        UsageError
            The name can't be one.
        """
        with self._catalog() as catalog:
            return catalog.create(name, metadata)

    def edit_dataset(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(name) as catalog:
            return catalog.set_metadata(name, metadata)

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset with all it holds.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        LockedError
            Another process is writing to it.
        """
        from knowledge.storage.removal import delete_dataset

        with self._existing(name) as catalog:
            if self._retriever is not None:
                self._retriever.close()
            delete_dataset(
                catalog, name, lock_timeout=self.settings["lock_timeout"], notify=self._notify
            )

    def files(self, dataset: str = "default") -> list[SourceFile]:
        """Return a dataset's files by path.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return list(snapshot.files(snapshot.dataset(dataset)))

    def file(self, file: str, dataset: str = "default") -> tuple[SourceFile, list[Chunk]]:
        """Return a file and its chunks in order.

        Parameters
        ----------
        file:
            Its id, its absolute path, a path from the working directory, or the name given to
            standard input.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        """
        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            owner = snapshot.dataset(dataset)
            found = snapshot.find_file(owner, file)
            if found is None:
                raise FileNotInDatasetError(f"dataset {dataset!r} holds no file {file!r}")
            return found, snapshot.chunks_of_file(owner, found.id)

    def delete_file(self, file: str, dataset: str = "default") -> SourceFile:
        """Remove a file from a dataset; the file itself stays where it is.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        LockedError
            Another process is writing to the dataset.
        """
        from knowledge.storage.write_run import open_write_run

        found, _ = self.file(file, dataset)
        with (
            self._existing(dataset) as catalog,
            open_write_run(
                catalog,
                dataset,
                lock_timeout=self.settings["lock_timeout"],
                notify=self._notify,
            ) as run,
        ):
            run.remove_file(found)
            embedding, splitter = run.dataset.embedding, run.dataset.splitter
            assert embedding is not None
            assert splitter is not None
            run.publish(embedding, splitter)
        return found

    def _catalog(self) -> Catalog:
        from knowledge.storage.catalog import Catalog

        return Catalog(self.folder)

    def _existing(self, dataset: str) -> Catalog:
        if not self.folder.catalog.exists():
            raise DatasetNotFoundError(f"there is no dataset {dataset!r}")
        return self._catalog()

    def _embed_query(self, dataset: Dataset, text: str) -> NDArray[np.float32]:
        from knowledge.embeddings.choice import recorded_embedder
        from knowledge.embeddings.pool import EmbeddingPool

        assert dataset.embedding is not None
        fingerprint = dataset.embedding.fingerprint
        if fingerprint not in self._pools:
            self._pools[fingerprint] = EmbeddingPool(
                recorded_embedder(dataset, self.settings),
                threads=1,
                batch_size=1,
                retries=self.settings["embedding_retries"],
            )
        return self._pools[fingerprint].embed_query(text)
