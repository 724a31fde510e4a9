"""A passage where it stands: the document around it, its pages as pictures, what can be filtered.

Only documents of datasets are shown, found by the catalog's record of them: no request names a
path. The file itself is read only while its bytes are those that were ingested; else the text that
the dataset keeps is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Any

from starlette.responses import Response

from knowledge.documents.detection import detect
from knowledge.documents.encodings import decode
from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import DocumentError
from knowledge.ingestion.workers.isolated import call_isolated
from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import Chunk, Hit, PageUnit, Passage, SourceFile
from knowledge.records import viewing as records
from knowledge.records.viewing import FileState, Place, Shown
from knowledge.requests import Request, option
from knowledge.retrieval.refine.windows import join_with_places
from knowledge.server.problems import RefusedError
from knowledge.server.rest.operation import Call, Operation, answered, generation_header
from knowledge.settings.reading import Settings
from knowledge.storage.columns import FileFacts

MOST_TEXT = 200_000
"""Characters of a document that are sent around a passage, half of them before it."""
MOST_PAGES = 20
"""Pages of one passage that are looked at."""


@dataclass(frozen=True, slots=True)
class PlaceRequest(Request):
    """Where a chunk is looked for."""

    dataset: str | None = option("Dataset; default: all.")


async def place(call: Call) -> Response:
    """Answer with a chunk where it stands in its document."""
    asked = await call.request(PlaceRequest)
    wanted, settings = call.part("chunk"), call.server.settings

    def work(kb: KnowledgeBase) -> tuple[Place, dict[str, int]]:
        hit = kb.show_chunk(wanted, asked.dataset)
        file, chunks = kb.files.get(hit.chunk.file_id, hit.dataset)
        return _place(hit, file, chunks, settings), kb.generations

    found, read = await call.run(work)
    return answered(records.place(found), read)


def _place(hit: Hit, file: SourceFile, chunks: Sequence[Chunk], settings: Settings) -> Place:
    passage = hit.chunk.passage
    state, data = _ingested_bytes(file, settings)
    state = FileState.ELSEWHERE if passage.member else state
    shown, marks, reason = None, None, ""
    if data is not None and not passage.member:
        if passage.page_start is None and passage.line_start is not None:
            shown = _lines_of_file(data, passage)
        elif _is_pdf(file, data) and passage.page_unit is PageUnit.PAGE:
            marks, reason = _marks(data, passage, settings)
    shown = shown or _stored_text(chunks, hit.chunk)
    return Place(hit, file, state, _cut_to_size(shown), marks, reason)


def _ingested_bytes(file: SourceFile, settings: Settings) -> tuple[FileState, bytes | None]:
    """Return a file's bytes where they are still those that were ingested."""
    if "://" in file.path or not os.path.isabs(file.path):  # noqa: PTH117
        return FileState.ELSEWHERE, None
    path = Path(file.path)
    try:
        if not path.is_file():  # a pipe or a device would be waited for
            return FileState.MISSING, None
        size = path.stat().st_size
        if size != file.size or size > settings["max_file_size"] * MIB:
            return FileState.CHANGED, None
        data = path.read_bytes()
    except (OSError, ValueError):
        return FileState.MISSING, None
    if sha256(data).hexdigest() != file.content_hash:
        return FileState.CHANGED, None
    return FileState.SAME, data


def _is_pdf(file: SourceFile, data: bytes) -> bool:
    return detect(file.name, data) == "pdf"


def _lines_of_file(data: bytes, passage: Passage) -> Shown:
    """Return a text file, whose lines are those that the passage names."""
    lines = decode(data)[0].split("\n")
    assert passage.line_start is not None
    first, last = passage.line_start, passage.line_end or passage.line_start
    before = "\n".join(lines[: first - 1])
    start = len(before) + (first > 1)
    end = start + len("\n".join(lines[first - 1 : last]))
    return Shown("\n".join(lines), min(start, end), end, first_line=1)


def _stored_text(chunks: Sequence[Chunk], wanted: Chunk) -> Shown:
    """Return the document's text as the dataset keeps it."""
    same = [one for one in chunks if one.passage.member == wanted.passage.member]
    joined, places = join_with_places(same)
    start, end = places[[one.id for one in same].index(wanted.id)]
    return Shown(joined.text, start, end)


def _cut_to_size(shown: Shown) -> Shown:
    """Leave out what is far from the passage, by whole lines where there are numbers of them."""
    text = shown.text
    if len(text) <= MOST_TEXT:
        return shown
    first = max(0, min(shown.mark_start - MOST_TEXT // 2, len(text) - MOST_TEXT))
    last = max(shown.mark_end, first + MOST_TEXT)
    first = text.rfind("\n", 0, first) + 1
    line = None if shown.first_line is None else shown.first_line + text.count("\n", 0, first)
    return Shown(
        text[first:last],
        shown.mark_start - first,
        shown.mark_end - first,
        first_line=line,
        cut_before=first > 0,
        cut_after=last < len(text),
    )


def _marks(data: bytes, passage: Passage, settings: Settings) -> tuple[Any, str]:
    """Return the pages of a passage with its boxes, or why there are none."""
    from knowledge.documents.loaders.pdf.marking import find_passage

    first = passage.page_start or 1
    numbers = range(first, min((passage.page_end or first) + 1, first + MOST_PAGES))
    try:
        found = _in_pdf(find_passage, settings, data, numbers, passage.text)
    except DocumentError as error:
        return None, error.in_full
    return found, ""


def _in_pdf(function: Any, settings: Settings, data: bytes, *arguments: Any) -> Any:
    """Return what a function finds in a PDF; PDFium may crash, so it has a process of its own."""
    passwords = LoadOptions.from_settings(settings).passwords
    return call_isolated(
        function,
        (data, passwords, *arguments),
        seconds=float(settings["file_timeout"]),
        memory=int(settings["file_memory"] * MIB),
    )


@dataclass(frozen=True, slots=True)
class PictureRequest(Request):
    """How large a page is drawn."""

    width: int = option("Pixels across.", default=1_200, minimum=100, maximum=2_400)


async def picture(call: Call) -> Response:
    """Answer with a page of a PDF as PNG."""
    from knowledge.documents.loaders.pdf.marking import picture as drawn

    asked = await call.request(PictureRequest)
    asked.check()
    dataset, wanted, page = call.part("dataset"), call.part("file"), call.part("page")
    settings = call.server.settings
    if not (page.isascii() and page.isdigit() and 0 < int(page[:9]) == int(page)):
        raise RefusedError(404, "not-found", "there is no such page")

    def work(kb: KnowledgeBase) -> tuple[bytes, dict[str, int]]:
        file, _ = kb.files.get(wanted, dataset)
        state, data = _ingested_bytes(file, settings)
        if data is None or not _is_pdf(file, data):
            said = "it is not a PDF" if data is not None else _REASONS[state]
            raise RefusedError(404, "no-picture", f"the page can't be drawn: {said}")
        return _in_pdf(drawn, settings, data, int(page), asked.width), kb.generations

    content, read = await call.run(work)
    return Response(content, media_type="image/png", headers=generation_header(read))


_REASONS = {
    FileState.CHANGED: "the file is not the one that was ingested",
    FileState.MISSING: "the file is no longer there",
    FileState.ELSEWHERE: "the file is not on this machine",
}


async def filters(call: Call) -> Response:
    """Answer with the types of a dataset's files and the folders that they lie in."""
    name = call.part("dataset")

    def work(kb: KnowledgeBase) -> tuple[dict[str, Any], dict[str, int]]:
        types, folders = kb.files.summary(_counted, name)
        return records.filters(name, types, folders), kb.generations

    return answered(*await call.run(work))


def _counted(
    files: Sequence[_File],
) -> tuple[list[records.FileFilter], list[records.FileFilter]]:
    return _types(files), _folders(files)


_File = tuple[FileFacts, int]
"""A file, and how many chunks it has."""
MOST_FILTERS = 50
_GLOB = re.compile(r"[\\*?\[\]!#]")


def _types(files: Sequence[_File]) -> list[records.FileFilter]:
    counted: dict[str, list[_File]] = {}
    for file in files:
        suffix = PurePath(file[0].name).suffix
        if suffix and suffix[1:].isalnum():
            counted.setdefault(suffix, []).append(file)
    return _most(
        [records.FileFilter(one, f"*{one}", *_sums(held)) for one, held in counted.items()]
    )


def _folders(files: Sequence[_File]) -> list[records.FileFilter]:
    """Return the folders right below the one that all files lie in."""
    above = [(file[0].path.replace("\\", "/").split("/")[:-1], file) for file in files]
    if not above:
        return []
    first, last = (end([folders for folders, _ in above]) for end in (min, max))
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    counted: dict[tuple[str, ...], list[_File]] = {}
    for folders, file in above:
        if len(folders) > common:
            counted.setdefault(tuple(folders[: common + 1]), []).append(file)
    return _most(
        [
            records.FileFilter(folders[-1], _GLOB.sub(r"\\\g<0>", "/".join(folders)), *_sums(held))
            for folders, held in counted.items()
            if folders[-1]  # not the root, beside names of uploads
        ]
    )


def _sums(files: Sequence[_File]) -> tuple[int, int]:
    return len(files), sum(chunks for _, chunks in files)


def _most(found: list[records.FileFilter]) -> list[records.FileFilter]:
    return sorted(found, key=lambda one: (-one.files, one.name))[:MOST_FILTERS]


OPERATIONS = (
    Operation("GET", "/chunks/{chunk}/place", "A chunk where it stands in its document, marked.",
              "place", place, PlaceRequest),
    Operation("GET", "/datasets/{dataset}/files/{file}/pages/{page}", "A page of a PDF as a "
              "picture.", "error", picture, PictureRequest, media="image/png"),
    Operation("GET", "/datasets/{dataset}/filters", "Types and folders of a dataset's files.",
              "filters", filters),
)  # fmt: skip
