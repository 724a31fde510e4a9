"""Getting passages out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.knowledge_base.ingesting import Ingesting
from knowledge.knowledge_base.opened import StrPath
from knowledge.model import Hit, IngestReport
from knowledge.retrieval.refine.refinement import Refinement
from knowledge.storage.dataset_names import folder_name

if TYPE_CHECKING:
    from knowledge.ingestion.request import ProgressListener
    from knowledge.retrieval.query import Query
    from knowledge.retrieval.rerank.choice import Reranker
    from knowledge.retrieval.search.retriever import Retriever


class Retrieving(Ingesting):
    """Questions to hits."""

    def retrieve(
        self,
        query: str,
        datasets: str | Sequence[str] = ("default",),
        top_k: int = 10,
        **options: Any,
    ) -> list[Hit]:
        """Return the passages that fit a question best, best first; none is an empty list.

        Parameters
        ----------
        query:
            The question.
        datasets:
            Name or names; hits of all are ranked together.
        top_k:
            Most hits, from 1 to 10,000.
        options:
            As :meth:`query` takes them: ``threshold``, ``where``, ``mode`` and so on; and what is
            done with the hits, as fields of
            :class:`knowledge.retrieval.refine.refinement.Refinement`: ``rerank``, ``mmr``,
            ``max_per_file``, ``context``, ``merge``, ``max_tokens``, ``fold``.

        Raises
        ------
        UsageError
            An argument does not fit.
        DatasetNotFoundError
            A dataset does not exist.
        RemoteError
            The provider failed.
        """
        names = {field.name for field in fields(Refinement)}
        refining = {name: options.pop(name) for name in names & options.keys()}
        asked = self.query(query, datasets, top_k, **options)
        return self.run_query(asked, Refinement(**refining))

    def query(
        self,
        text: str,
        datasets: str | Sequence[str] = ("default",),
        top_k: int | None = None,
        *,
        threshold: float | None = None,
        keywords: Sequence[str] = (),
        where: Mapping[str, Any] | str | Sequence[str] | None = None,
        mode: str | None = None,
        files: str | Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
        candidates: int | None = None,
        fusion: str | None = None,
        weight: float | None = None,
    ) -> Query:
        """Put a query together; what is ``None`` comes from the settings.

        Parameters
        ----------
        threshold:
            Least cosine similarity, in [-1, 1].
        keywords:
            A chunk must hold one of these, and none of those that begin with ``-``.
        where:
            Names with the values they must have, or a condition such as
            ``"year >= 2020 and team = support"``, or several that must all hold.
        mode:
            ``dense`` (cosine), ``keyword`` (BM25), ``hybrid`` (both) or ``auto``.
        files:
            Globs of which the file must match one.
        since, until:
            Limits of the file's time of modification: ISO dates, or ages such as ``7d``.
        candidates:
            How many chunks each side of hybrid gives.
        fusion:
            ``weighted`` or ``rrf``.
        weight:
            The dense side's share in hybrid, from 0 to 1.

        Raises
        ------
        UsageError
            An argument does not fit.
        """
        from knowledge.retrieval.conditions import condition_of
        from knowledge.retrieval.moments import moment
        from knowledge.retrieval.query import Query

        settings = self.settings
        return Query(
            text,
            (datasets,) if isinstance(datasets, str) else tuple(datasets),
            settings["top_k"] if top_k is None else top_k,
            threshold,
            tuple(keywords),
            condition_of(where),
            mode or settings["retrieve_mode"],
            (files,) if isinstance(files, str) else tuple(files),
            None if since is None else moment(since, "--since"),
            None if until is None else moment(until, "--until", end=True),
            (settings["retrieve_candidates"] or None) if candidates is None else candidates,
            fusion or settings["retrieve_fusion"],
            settings["retrieve_weight"] if weight is None else weight,
        )

    def resolve_query(self, query: Query) -> Query:
        """Return the query with mode ``auto`` replaced by what it means for its datasets.

        Raises
        ------
        DatasetNotFoundError
            A dataset does not exist.
        """
        return self._opened_retriever().resolve(query)

    def run_query(self, query: Query, refinement: Refinement | None = None) -> list[Hit]:
        """Run a query that is put together already; else like :meth:`retrieve`."""
        refinement = refinement or Refinement()
        rerank = self._reranker(refinement.rerank)
        return self._opened_retriever().retrieve(query, refinement, rerank)

    def _reranker(self, name: str) -> Reranker | None:
        """Return a reranker, which stays open for the next question; ``None`` for no name."""
        if name and name not in self._rerankers:
            from knowledge.retrieval.rerank.choice import create_reranker

            self._rerankers[name] = create_reranker(name, self.settings, self._notify)
        return self._rerankers.get(name)

    def similar(
        self, target: str, dataset: str = "default", top_k: int = 10, **options: Any
    ) -> list[Hit]:
        """Return the passages most like a file or a chunk, by stored vectors; nothing is embedded.

        Parameters
        ----------
        target:
            A file, by id, path or the end of its path, which stands for the mean of its chunks; or
            a chunk, by its id or the first 8 or more characters of it.
        options:
            As for :meth:`retrieve`.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file or chunk.
        UsageError
            Several files have this name.
        """
        from knowledge.retrieval.search.similar import similar

        with self._existing(dataset):
            pass
        names = {field.name for field in fields(Refinement)}
        refinement = Refinement(**{name: options.pop(name) for name in names & options.keys()})
        return similar(
            self.store,
            target,
            self.query(target, dataset, top_k, **options),
            lambda retriever, query: retriever.retrieve(query, refinement),
        )

    def show_chunk(
        self, chunk: str, dataset: str | None = None, *, before: int = 0, after: int = 0
    ) -> Hit:
        """Return a chunk as a hit without a score, with neighbours before and after it.

        Parameters
        ----------
        chunk:
            Its id, or the first 8 or more characters of it.
        dataset:
            Where to look; ``None`` is all datasets.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            No chunk has this id, or several begin so.
        """
        from knowledge.retrieval.search.showing import show_chunk

        with self._existing(dataset or "default") as catalog:
            return show_chunk(catalog, dataset, chunk, before=before, after=after)

    def _opened_retriever(self) -> Retriever:
        from knowledge.retrieval.search.retriever import Retriever

        if self._retriever is None:
            self._retriever = Retriever(self.store, self._embed_query)
        return self._retriever

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
        report = self.ingest(self.folder_source(path), name, prune=True, progress=progress)
        return report, self.retrieve(query, name, top_k)

    @staticmethod
    def folder_dataset(path: StrPath) -> str:
        """Return the name of the dataset that belongs to a folder or a URL: its name and a hash.

        Raises
        ------
        UsageError
            ``path`` is no folder, and no URL.
        """
        from knowledge.ingestion.sources.addresses import Page, is_address, parse_address

        source = Retrieving.folder_source(path)
        if not is_address(source):
            return folder_name(Path(source))
        address = parse_address(source)
        return folder_name(Path(address.shown if isinstance(address, Page) else address.name))

    @staticmethod
    def folder_source(path: StrPath) -> str:
        """Return what is ingested of a folder or a URL; one folder by several names is one.

        Raises
        ------
        PathNotFoundError
            Nothing lies at ``path``.
        UsageError
            ``path`` is no folder, and no URL.
        """
        from knowledge.ingestion.sources.addresses import is_address

        if is_address(os.fspath(path)):
            return os.fspath(path)
        folder = Path(path).resolve()
        if not folder.exists():
            raise PathNotFoundError(f"{os.fspath(path)} does not exist")
        if not folder.is_dir():
            raise UsageError(f"{os.fspath(path)!r} is not a folder")
        return str(folder)
