"""Datasets and their files: list, show, create, change and delete them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from knowledge.knowledge_base import KnowledgeBase
from knowledge.knowledge_base.files import FILE_STATUSES
from knowledge.model import Dataset, SourceFile
from knowledge.records import documents as records
from knowledge.records import questions, upkeep
from knowledge.requests import ChunksRequest, Request, option
from knowledge.server.rest.operation import Call, Operation, answered

STATUSES = FILE_STATUSES
MOST_LISTED = 1_000
"""Files of a page."""


async def list_datasets(call: Call) -> Response:
    """Answer with all datasets."""
    listed = await call.run(lambda kb: kb.datasets.list())
    read = {one.name: one.generation for one in listed}
    return answered(records.datasets(listed), read)


@dataclass(frozen=True, slots=True)
class NewDataset(Request):
    """A dataset to create."""

    name: str = option("Its name.", default="")
    metadata: Mapping[str, Any] | None = option("Its metadata.")


async def create_dataset(call: Call) -> Response:
    """Create an empty dataset."""
    asked = await call.request(NewDataset)
    made = await call.run(lambda kb: kb.datasets.create(asked.name, asked.metadata))
    return answered(records.dataset(made), {made.name: made.generation}, 201)


async def get_dataset(call: Call) -> Response:
    """Answer with a dataset and its files."""
    name = call.part("dataset")

    def work(kb: KnowledgeBase) -> tuple[Dataset, list[SourceFile], dict[str, int]]:
        return kb.datasets.get(name), kb.files.list(name), kb.generations

    one, files, read = await call.run(work)
    return answered(records.dataset(one, files), read)


@dataclass(frozen=True, slots=True)
class DatasetChange(Request):
    """What of a dataset is to change."""

    name: str | None = option("A new name.")
    metadata: Mapping[str, Any] | None = option("Replaces the metadata.")


async def change_dataset(call: Call) -> Response:
    """Change a dataset's name or metadata."""
    asked = await call.request(DatasetChange)
    name = call.part("dataset")

    def work(kb: KnowledgeBase) -> Dataset:
        found = kb.datasets.get(name)
        if asked.metadata is not None:
            found = kb.datasets.edit(name, asked.metadata)
        if asked.name is not None and asked.name != name:
            found = kb.datasets.rename(name, asked.name)
        return found

    changed = await call.run(work)
    return answered(records.dataset(changed), {changed.name: changed.generation})


async def delete_dataset(call: Call) -> Response:
    """Delete a dataset and its contents; the documents themselves stay."""
    name = call.part("dataset")

    def work(kb: KnowledgeBase) -> Dataset:
        found = kb.datasets.get(name)
        kb.datasets.delete(name)
        return found

    gone = await call.run(work)
    return answered(records.dataset(gone), {gone.name: gone.generation})


@dataclass(frozen=True, slots=True)
class FileList(Request):
    """Which files of a dataset are listed."""

    status: str = option(
        "ingested, or files that it lacks: failed, empty, unsupported; all is everything.",
        default="all",
        choices=("all", "missed", *STATUSES),
    )
    contains: str = option("Files whose path holds this, whatever its case.", default="")
    limit: int | None = option(
        "Maximum number of files; default: all.", minimum=1, maximum=MOST_LISTED
    )
    cursor: str | None = option("The reply's next_cursor, for the next page.")


async def list_files(call: Call) -> Response:
    """Answer with a dataset's files, and those that could not be taken in."""
    asked = await call.request(FileList)
    asked.check()
    name = call.part("dataset")
    groups = {"all": STATUSES, "missed": STATUSES[1:]}
    wanted = groups.get(asked.status, (asked.status,))
    paged = asked.limit is not None or asked.cursor is not None or asked.contains

    def work(kb: KnowledgeBase) -> tuple[dict[str, Any], dict[str, int]]:
        if paged:
            page = kb.files.page(
                name,
                statuses=wanted,
                part=asked.contains,
                limit=asked.limit or MOST_LISTED,
                cursor=asked.cursor,
            )
            return records.file_page(page), kb.generations
        missed = [one for one in kb.upkeep.missed_files(name) if one.problem.status in wanted]
        files = kb.files.list(name) if "ingested" in wanted else []
        return records.files(name, files, missed), kb.generations

    return answered(*await call.run(work))


async def list_chunks(call: Call) -> Response:
    """Answer with a page of a dataset's chunks."""
    request = await call.request(ChunksRequest, dataset=call.part("dataset"))
    page, read = await call.run(lambda kb: (kb.files.chunks(request), kb.generations))
    return answered(questions.chunks(page), read)


@dataclass(frozen=True, slots=True)
class FileDetails(Request):
    """What of a file is shown."""

    text: bool = option("Its passages too.", default=False)


async def get_file(call: Call) -> Response:
    """Answer with a file: by its id, its path or the end of it."""
    asked = await call.request(FileDetails)
    name, file = call.part("dataset"), call.part("file")

    def work(kb: KnowledgeBase) -> tuple[dict[str, Any], dict[str, int]]:
        found, chunks = kb.files.get(file, name)
        return records.file(name, found, chunks if asked.text else None), kb.generations

    return answered(*await call.run(work))


@dataclass(frozen=True, slots=True)
class FileChange(Request):
    """What of a file is to change."""

    metadata: Mapping[str, Any] = option("Replaces what the user said of the file.", default=None)


async def change_file(call: Call) -> Response:
    """Change a file's metadata; nothing is embedded again."""
    asked = await call.request(FileChange)
    name, file = call.part("dataset"), call.part("file")
    given = asked.metadata or {}
    changed, read = await call.run(lambda kb: (kb.files.edit(file, given, name), kb.generations))
    return answered(records.file(name, changed), read)


async def delete_file(call: Call) -> Response:
    """Remove a file from a dataset; the file itself stays where it is."""
    name, file = call.part("dataset"), call.part("file")
    removed, read = await call.run(lambda kb: (kb.files.delete(file, name), kb.generations))
    return answered(records.file(name, removed), read)


@dataclass(frozen=True, slots=True)
class HistoryRequest(Request):
    """How many runs are listed."""

    limit: int = option("Maximum number of runs.", default=20, minimum=1, maximum=10_000)


async def history(call: Call) -> Response:
    """Answer with the runs on a dataset, newest first."""
    asked = await call.request(HistoryRequest)
    asked.check()
    name = call.part("dataset")
    runs, read = await call.run(
        lambda kb: (kb.upkeep.history(name, limit=asked.limit), kb.generations)
    )
    return answered(upkeep.history(name, runs), read)


async def status(call: Call) -> Response:
    """Answer with counts and sizes of the data folder, or of one dataset."""
    name = call.part("dataset") if "dataset" in call.http.path_params else None
    found = await call.run(lambda kb: kb.upkeep.status(name))
    read = {one.dataset.name: one.dataset.generation for one in found.datasets}
    return answered(upkeep.status(found), read)


_ONE, _FILE = "/datasets/{dataset}", "/datasets/{dataset}/files/{file}"
OPERATIONS = (
    Operation("GET", "/datasets", "All datasets.", "datasets", list_datasets),
    Operation("POST", "/datasets", "Create an empty dataset.", "dataset", create_dataset,
              NewDataset, writes=True, status=201),
    Operation("GET", _ONE, "A dataset and its files.", "dataset", get_dataset),
    Operation("PATCH", _ONE, "Change a dataset's name or metadata.", "dataset", change_dataset,
              DatasetChange, writes=True),
    Operation("DELETE", _ONE, "Delete a dataset and its contents.", "dataset", delete_dataset,
              writes=True),
    Operation("GET", f"{_ONE}/files", "A dataset's files, and those it lacks.", "files",
              list_files, FileList),
    Operation("GET", f"{_ONE}/chunks", "A page of a dataset's chunks, filtered and sorted.",
              "chunks", list_chunks, ChunksRequest),
    Operation("GET", _FILE, "A file, by its id, its path or the end of it.", "file", get_file,
              FileDetails),
    Operation("PATCH", _FILE, "Change a file's metadata.", "file", change_file, FileChange,
              writes=True),
    Operation("DELETE", _FILE, "Remove a file from a dataset.", "file", delete_file, writes=True),
    Operation("GET", f"{_ONE}/history", "The runs on a dataset, newest first.", "history",
              history, HistoryRequest),
    Operation("GET", f"{_ONE}/status", "Counts and sizes of a dataset.", "status", status),
    Operation("GET", "/status", "Counts and sizes of the data folder.", "status", status),
)  # fmt: skip
