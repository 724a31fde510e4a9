"""Datasets, their files, and what runs did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.records.nouns import (
    chunk_record,
    dataset_details,
    dataset_record,
    file_record,
    missed_record,
    report_record,
    watch_record,
)
from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.ingestion.source_text import SourceText
    from knowledge.ingestion.watch.events import WatchEvent
    from knowledge.model import Chunk, Dataset, IngestReport, SourceFile
    from knowledge.retrieval.pages import FilePage
    from knowledge.storage.history import MissedFile


def datasets(listed: Sequence[Dataset]) -> dict[str, Any]:
    """Return datasets as ``knowledge.datasets/1``."""
    return of("datasets", {"datasets": list(map(dataset_record, listed))})


def dataset(one: Dataset, files: Sequence[SourceFile] | None = None) -> dict[str, Any]:
    """Return a dataset, perhaps with its files, as ``knowledge.dataset/1``."""
    content = dataset_details(one)
    if files is not None:
        content["documents"] = list(map(file_record, files))
    return of("dataset", {"dataset": content})


def files(
    dataset: str, listed: Sequence[SourceFile], missed: Sequence[MissedFile]
) -> dict[str, Any]:
    """Return a dataset's files, and those it could not take in, as ``knowledge.files/1``."""
    return of(
        "files",
        {
            "dataset": dataset,
            "files": list(map(file_record, listed)),
            "missed": list(map(missed_record, missed)),
        },
    )


def file_page(page: FilePage) -> dict[str, Any]:
    """Return a page of a dataset's files as ``knowledge.files/1``."""
    paged = {"counts": dict(page.counts), "next_cursor": page.cursor}
    return files(page.dataset, page.files, page.missed) | paged


def file(dataset: str, one: SourceFile, chunks: Sequence[Chunk] | None = None) -> dict[str, Any]:
    """Return a file, perhaps with its passages, as ``knowledge.file/1``."""
    record = file_record(one)
    if chunks is not None:
        record["passages"] = list(map(chunk_record, chunks))
    return of("file", {"dataset": dataset, "file": record})


def exported(path: str, size: int, listed: Sequence[Dataset]) -> dict[str, Any]:
    """Return what was written to an archive or a table as ``knowledge.export/1``."""
    records = list(map(dataset_record, listed))
    return of("export", {"file": path, "bytes": size, "datasets": records})


def imported(listed: Sequence[Dataset]) -> dict[str, Any]:
    """Return what came in as ``knowledge.import/1``."""
    return of("import", {"datasets": list(map(dataset_record, listed))})


def ingested(report: IngestReport) -> dict[str, Any]:
    """Return what a run did as ``knowledge.ingest/1``."""
    return of("ingest", report_record(report))


def watched(event: WatchEvent, dataset: str) -> dict[str, Any]:
    """Return what a watch reports as ``knowledge.watch/1``."""
    return of("watch", watch_record(event, dataset))


def loaded(text: SourceText, common: Mapping[str, Any], output: str | None) -> dict[str, Any]:
    """Return a document's text as ``knowledge.load/1``.

    Parameters
    ----------
    common:
        Metadata of all its parts.
    output:
        The file that it was written to.
    """
    return of(
        "load",
        {
            "source": text.source,
            "output": output,
            **structured(text, common),
            "problems": [
                {"file": problem.file, "status": problem.status, "reason": problem.reason}
                for problem in text.problems
            ],
        },
    )


def structured(text: SourceText, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document's text in the form that can be ingested."""
    documents = [{"metadata": dict(one.metadata), "content": one.content} for one in text.parts]
    return {"metadata": dict(common), "documents": documents}
