"""Taking documents in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from knowledge.knowledge_base.flows import Flows
from knowledge.knowledge_base.opened import StrPath
from knowledge.model import IngestReport

if TYPE_CHECKING:
    from knowledge.ingestion.request import FileListener, IngestRequest, ProgressListener


class Ingesting(Flows):
    """Files and folders into datasets."""

    def ingest(
        self,
        paths: StrPath | Iterable[StrPath],
        dataset: str = "default",
        *,
        create: bool = True,
        progress: ProgressListener | None = None,
        **options: Any,
    ) -> IngestReport:
        """Bring a dataset in step with files, folders, pages and Git repositories.

        Parameters
        ----------
        paths:
            One path or URL, or several.
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
        request = IngestRequest.of(listed, **options)
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
        from knowledge.ingestion.run.session import ingest

        self._warn_of_passwords()
        return ingest(
            self.store,
            dataset,
            self._with_flow(request, dataset),
            self.settings,
            create=create,
            notify=self._notify,
            progress=progress,
            on_file=on_file,
        )
