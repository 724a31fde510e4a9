"""Getting passages out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import UsageError
from knowledge.knowledge_base.ingesting import Ingesting
from knowledge.knowledge_base.opened import StrPath
from knowledge.model import Hit, IngestReport
from knowledge.storage.layout import folder_name

if TYPE_CHECKING:
    from knowledge.ingestion.request import ProgressListener
    from knowledge.retrieval.query import Query


class Retrieving(Ingesting):
    """Questions to hits."""

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
