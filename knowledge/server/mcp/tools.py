"""What the tools do: each takes plain arguments and a knowledge base, and answers in two ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_types import CallToolResult

from knowledge.errors import FileNotInDatasetError, UsageError
from knowledge.records import nouns
from knowledge.records import upkeep as upkeep_records
from knowledge.retrieval.refine.windows import join
from knowledge.server.mcp import results
from knowledge.server.mcp.results import answered, cut, cut_text, offset_of

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import Chunk, Dataset, Hit, SourceFile
    from knowledge.retrieval.facets import Facet

FILLED = 1_000
"""Characters of a problem's reason."""
MOST_PROBLEMS = 20
"""Of an ingest; `status` lists all of them."""
NOTHING_FITS = (
    "Nothing fits well: the documents hardly hold an answer. Say so, rather than answer from these "
    "passages."
)
_CHUNK = re.compile(r"[0-9a-f]{8,32}")
_SPAN = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


class NoSuchFileError(FileNotInDatasetError):
    """Nothing has this name: known without a look at the disk, so that every client may read it."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The arguments that searches share."""

    limit: int
    max_tokens: int
    cursor: str | None


def search(
    kb: KnowledgeBase,
    query: str,
    dataset: str | Sequence[str] | None,
    filter: str | None,
    files: str | None,
    asked: Hits,
    facets: Sequence[str] = (),
) -> CallToolResult:
    """Search, and list the passages with where they stand."""
    key = ("search", query, dataset, filter, files)
    offset = offset_of(asked.cursor, key)
    found = kb.retrieve(
        query, dataset or None, offset + asked.limit, where=filter, files=files or ()
    )
    told = NOTHING_FITS if found.nothing_fits and not offset else None
    return _hits(kb, found.hits, offset, asked, key, told, found.facets(facets))


def list_chunks(
    kb: KnowledgeBase,
    dataset: str | None,
    filter: str | None,
    pattern: str | None,
    sort: str,
    asked: Hits,
) -> CallToolResult:
    """List a dataset's passages in the order of their files."""
    key = ("list_chunks", dataset, filter, pattern, sort)
    offset = offset_of(asked.cursor, key)
    page = kb.files.chunks(
        dataset,
        limit=asked.limit,
        offset=offset,
        sort=sort,
        where=filter,
        files=pattern or (),
    )
    part = cut(
        page.hits,
        _told,
        max_tokens=asked.max_tokens,
        offset=offset,
        asked=key,
        more=page.next_offset is not None,
    )
    head = f"{page.total} passages in dataset {page.dataset}"
    lines = [head, *map(_told, part.items), _more(part.next_cursor)]
    content = results.ChunkList(
        dataset=page.dataset,
        total=page.total,
        results=[_found(hit, ordered=False) for hit in part.items],
        next_cursor=part.next_cursor,
    )
    return answered("\n\n".join(one for one in lines if one), content)


def similar(kb: KnowledgeBase, id: str, dataset: str | None, asked: Hits) -> CallToolResult:
    """List the passages most like a passage or a file."""
    key = ("similar", id, dataset)
    offset = offset_of(asked.cursor, key)
    found = kb.similar(id, dataset, offset + asked.limit)
    return _hits(kb, found.hits, offset, asked, key, None)


def _hits(
    kb: KnowledgeBase,
    hits: Sequence[Hit],
    offset: int,
    asked: Hits,
    key: Iterable[object],
    note: str | None,
    facets: Sequence[Facet] = (),
) -> CallToolResult:
    full = len(hits) == offset + asked.limit
    part = cut(
        hits[offset:], _told, max_tokens=asked.max_tokens, offset=offset, asked=key, more=full
    )
    rows = [_found(hit) for hit in part.items]
    lines = [_told(hit) for hit in part.items]
    if not lines:
        note = "There are no further passages." if offset else "No passage was found."
    counts = [
        results.FacetCounts(
            name=one.name, values=[results.FacetValue(value=v, count=n) for v, n in one.values]
        )
        for one in facets
    ]
    counted = [f"{one.name}: {', '.join(f'{v} {n}' for v, n in one.values)}" for one in facets]
    text = "\n\n".join(filter(None, [note, *lines, *counted, _more(part.next_cursor)]))
    content = results.SearchAnswer(
        results=rows,
        next_cursor=part.next_cursor,
        note=note,
        facets=counts,
        generations=kb.generations,
    )
    return answered(text, content)


def _told(hit: Hit) -> str:
    fits = "" if hit.relevance is None else f", relevance {hit.relevance:.2f}"
    heading = " > ".join(hit.passage.heading)
    return "\n".join(
        filter(
            None,
            [
                f"[{hit.rank}] {hit.citation} (dataset {hit.dataset}{fits}, id {hit.chunk.id})",
                heading,
                hit.text,
            ],
        )
    )


def _found(hit: Hit, *, ordered: bool = True) -> results.Found:
    return results.Found(
        id=hit.chunk.id,
        title=" > ".join((hit.name, *hit.passage.heading)),
        url=url_of(hit.file),
        text=hit.text,
        citation=hit.citation,
        dataset=hit.dataset,
        file=hit.file,
        relevance=hit.relevance,
        score=round(hit.score, 6) if ordered else None,
    )


def url_of(file: str) -> str:
    """Return the address of a file: its own, or ``file://`` with its path."""
    if "://" in file:
        return file
    outer, mark, member = file.partition("!/")
    path = Path(outer)
    return path.as_uri() + mark + member if path.is_absolute() else file


def _more(cursor: str | None) -> str:
    return f"There is more: call again with cursor {cursor}" if cursor else ""


def fetch(
    kb: KnowledgeBase,
    id: str,
    dataset: str | None,
    *,
    lines: str | None,
    pages: str | None,
    max_tokens: int,
    cursor: str | None,
) -> CallToolResult:
    """Return a passage with its neighbours, or a file, or some lines or pages of one."""
    key = ("fetch", id, dataset, lines, pages)
    offset = offset_of(cursor, key)
    if _CHUNK.fullmatch(id):
        try:
            hit = kb.show_chunk(id, dataset, before=1, after=1)
        except FileNotInDatasetError:
            pass  # it may be a file's id
        else:
            return _passage(hit, max_tokens, offset, key)
    owner, file, chunks = _file(kb, id, dataset)
    chosen = _chosen(chunks, lines, pages)
    part = cut(
        chosen[offset:],
        lambda chunk: chunk.passage.text,
        max_tokens=max_tokens,
        offset=offset,
        asked=key,
    )
    content = results.Fetched(
        id=file.id,
        title=file.name,
        text=_joined(part.items),
        url=url_of(file.path),
        metadata={**file.all_metadata, "dataset": owner, "file": file.path, "chunks": len(chunks)},
        next_cursor=part.next_cursor,
    )
    first, last = (part.items[0].passage, part.items[-1].passage) if part.items else (None, None)
    where = first.cite(file.path) if first and first is last else file.path
    return answered(
        "\n\n".join(filter(None, [where, content.text, _more(part.next_cursor)])), content
    )


def _passage(hit: Hit, max_tokens: int, offset: int, key: Iterable[object]) -> CallToolResult:
    text, following = cut_text(hit.text, max_tokens=max_tokens, offset=offset, asked=key)
    content = results.Fetched(
        id=hit.chunk.id,
        title=" > ".join((hit.name, *hit.passage.heading)),
        text=text,
        url=url_of(hit.file),
        metadata={
            **hit.metadata,
            "dataset": hit.dataset,
            "file": hit.file,
            "citation": hit.citation,
        },
        next_cursor=following,
    )
    return answered("\n\n".join(filter(None, [hit.citation, text, _more(following)])), content)


def _file(kb: KnowledgeBase, name: str, dataset: str | None) -> tuple[str, SourceFile, list[Chunk]]:
    """Return a file wherever it is, since who names one often leaves the dataset out."""
    if dataset is not None:
        return (dataset, *kb.files.get(name, dataset))
    missing: FileNotInDatasetError | None = None
    for owner in kb.datasets.list():
        try:
            return (owner.name, *kb.files.get(name, owner.name))
        except FileNotInDatasetError as error:
            missing = error
    raise NoSuchFileError(
        f"no dataset holds a passage or a file {name!r}",
        hint="Pass an id that search gave, or a path that list_files gave.",
    ) from missing


def _chosen(chunks: Sequence[Chunk], lines: str | None, pages: str | None) -> list[Chunk]:
    """Return the chunks that overlap with a span of lines or pages; all without one."""
    chosen = list(chunks)
    for name, span, ends in (("lines", lines, _lines), ("pages", pages, _pages)):
        if span is None:
            continue
        found = _SPAN.fullmatch(span)
        if found is None:
            raise UsageError(f"`{name}` must be such as 12 or 12-30, not {span!r}")
        first = int(found[1])
        last = int(found[2] or first)
        chosen = [
            chunk
            for chunk in chosen
            if (at := ends(chunk)) is not None and at[0] <= last and at[1] >= first
        ]
        if not chosen:
            raise UsageError(f"the file has no {name} {span}", hint=f"Leave `{name}` out for all.")
    return chosen


def _lines(chunk: Chunk) -> tuple[int, int] | None:
    passage = chunk.passage
    if passage.line_start is None:
        return None
    return passage.line_start, passage.line_end or passage.line_start


def _pages(chunk: Chunk) -> tuple[int, int] | None:
    passage = chunk.passage
    if passage.page_start is None:
        return None
    return passage.page_start, passage.page_end or passage.page_start


def _joined(chunks: Sequence[Chunk]) -> str:
    """Return the texts of chunks in order, without what two of them share."""
    members = groupby(chunks, lambda chunk: chunk.passage.member)
    return "\n\n".join(join(list(group)).text for _, group in members)


def list_datasets(kb: KnowledgeBase, max_tokens: int, cursor: str | None) -> CallToolResult:
    """List the datasets with what they hold."""
    key = ("list_datasets",)
    offset = offset_of(cursor, key)
    part = cut(
        kb.datasets.list()[offset:], _dataset_line, max_tokens=max_tokens, offset=offset, asked=key
    )
    rows = [
        results.DatasetRow(
            name=one.name,
            files=one.files,
            chunks=one.chunks,
            model=None if one.embedding is None else str(one.embedding),
            updated_at=one.updated_at.isoformat(),
            generation=one.generation,
            metadata=dict(one.metadata),
        )
        for one in part.items
    ]
    note = None if rows or offset else "There is no dataset yet. `knowledge ingest` makes one."
    lines = [note, *map(_dataset_line, part.items), _more(part.next_cursor)]
    content = results.DatasetList(datasets=rows, next_cursor=part.next_cursor, note=note)
    return answered("\n".join(filter(None, lines)), content)


def _dataset_line(one: Dataset) -> str:
    said = one.metadata.get("description")
    about = f": {said}" if said else ""
    return (
        f"- {one.name}{about} ({one.files} files, {one.chunks} chunks, generation {one.generation})"
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which files of a dataset are listed: by a glob, and by a condition on their metadata."""

    pattern: str | None = None
    filter: str | None = None

    def of(self, files: Sequence[SourceFile]) -> list[SourceFile]:
        """Return the files that fit."""
        from knowledge.retrieval.conditions import condition_of
        from knowledge.retrieval.query import Globs

        globs = Globs((self.pattern,) if self.pattern else ())
        where = condition_of(self.filter)
        return [
            one
            for one in files
            if globs.match(one.path) and (where is None or where.holds(one.all_metadata))
        ]


def list_files(
    kb: KnowledgeBase,
    dataset: str | None,
    chosen: Chosen,
    limit: int,
    max_tokens: int,
    cursor: str | None,
) -> CallToolResult:
    """List a dataset's files by path."""
    key = ("list_files", dataset, chosen)
    offset = offset_of(cursor, key)
    owner = kb.datasets.get(dataset)
    files = chosen.of(kb.files.list(owner.name))
    if not files and chosen != Chosen():
        raise NoSuchFileError(
            f"no file of dataset {owner.name!r} matches {chosen.pattern or chosen.filter!r}",
            hint="A pattern is such as **/*.pdf, a filter such as year >= 2020.",
        )
    part = cut(
        files[offset : offset + limit],
        _file_line,
        max_tokens=max_tokens,
        offset=offset,
        asked=key,
        more=len(files) > offset + limit,
    )
    rows = [
        results.FileRow(
            id=one.id,
            file=one.path,
            name=one.name,
            chunks=one.chunks,
            tokens=one.tokens,
            metadata=dict(one.all_metadata),
        )
        for one in part.items
    ]
    lines = [*map(_file_line, part.items)]
    content = results.FileList(dataset=owner.name, files=rows, next_cursor=part.next_cursor)
    head = f"{len(files)} files in dataset {owner.name}"
    return answered("\n".join(filter(None, [head, *lines, _more(part.next_cursor)])), content)


def _file_line(one: SourceFile) -> str:
    return f"- {one.path} ({one.chunks} chunks, id {one.id})"


def ask(
    kb: KnowledgeBase,
    question: str,
    dataset: str | Sequence[str] | None,
    limit: int,
    max_tokens: int,
) -> CallToolResult:
    """Have the chat model that is set answer from passages, with numbered sources."""
    given = kb.ask(question, dataset or None, limit)
    cited = [
        results.Cited(number=number, id=hit.chunk.id, citation=hit.citation, url=url_of(hit.file))
        for number in given.cited
        for hit in [given.hits[number - 1]]
    ]
    whole = given.text or "The documents do not say."
    # Asked again, the model would answer in other words: there is no cursor for the rest.
    text, rest = cut_text(whole, max_tokens=max_tokens, offset=0, asked=())
    note = f"The answer is cut here, at {max_tokens} tokens." if rest else None
    sources = [f"[{one.number}] {one.citation}" for one in cited]
    return answered(
        "\n".join([*filter(None, [text, note]), "", *sources]).strip(),
        results.Answered(answer=text, citations=cited, note=note),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a state: a dataset's own, or that of a file which it lacks."""

    dataset: dict[str, Any]
    problem: dict[str, Any] | None = None

    def __str__(self) -> str:
        if (one := self.problem) is not None:
            return f"- {one['status']}: {one['file']}: {one['reason'][:FILLED]}"
        last = self.dataset.get("last_run") or {}
        ended = f"; last {last['command']} {last['outcome']}" if last else ""
        row = self.dataset
        return f"{row['name']}: {row['files']} files, {row['chunks']} chunks{ended}"


def status(
    kb: KnowledgeBase, dataset: str | None, max_tokens: int, cursor: str | None
) -> CallToolResult:
    """Tell what datasets hold, how their last ingest ended, and what is wrong with files."""
    key = ("status", dataset)
    offset = offset_of(cursor, key)
    lines = []
    for row in upkeep_records.status(kb.upkeep.status(dataset))["datasets"]:
        missed = kb.upkeep.missed_files(row["name"])
        row["problem_count"] = len(missed)
        lines += [_Line(row), *(_Line(row, nouns.missed_record(one)) for one in missed)]
    part = cut(lines[offset:], str, max_tokens=max_tokens, offset=offset, asked=key)
    rows: dict[str, dict[str, Any]] = {}
    for line in part.items:  # where an answer begins among problems, their dataset is named again
        row = rows.setdefault(line.dataset["name"], {**line.dataset, "problems": []})
        if line.problem is not None:
            row["problems"].append(line.problem)
    said = [*map(str, part.items)]
    if said and part.items[0].problem is not None:
        said.insert(0, f"{part.items[0].dataset['name']}, continued:")
    note = None if lines else "There is no dataset yet."
    return answered(
        "\n".join(filter(None, [note, *said, _more(part.next_cursor)])),
        results.StatusAnswer(datasets=[*rows.values()], next_cursor=part.next_cursor, note=note),
    )


def ingest(kb: KnowledgeBase, paths: Sequence[str], dataset: str | None) -> CallToolResult:
    """Bring a dataset in step with paths, which the caller may name."""
    # A link inside a root may lead out of it.
    report = kb.ingest(list(paths), dataset, follow_links=False)
    problems = [
        {"file": one.file, "status": one.status, "reason": one.reason[:FILLED]}
        for one in report.problems[:MOST_PROBLEMS]
    ]
    counts = {str(name): count for name, count in report.files.items() if count}
    said = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no files"
    lines = [f"dataset {report.dataset}: {said}; {report.chunks_added} chunks added"]
    lines += [f"- {one['status']}: {one['file']}: {one['reason']}" for one in problems]
    return answered(
        "\n".join(lines),
        results.Ingested(
            dataset=report.dataset,
            files=counts,
            chunks_added=report.chunks_added,
            chunks_removed=report.chunks_removed,
            problems=problems,
        ),
    )


def delete_file(kb: KnowledgeBase, file: str, dataset: str | None) -> CallToolResult:
    """Remove a file from a dataset; the file itself stays where it is."""
    owner = kb.datasets.get(dataset).name
    gone = kb.files.delete(file, owner)
    return answered(
        f"{gone.path} is no longer in dataset {owner}; the file itself stays",
        results.Deleted(dataset=owner, file=gone.path, chunks=gone.chunks),
    )


def dataset_text(kb: KnowledgeBase, name: str) -> dict[str, Any]:
    """Return a dataset and its files as plain values."""
    from knowledge.records import documents

    return documents.dataset(kb.datasets.get(name), kb.files.list(name))


def file_text(kb: KnowledgeBase, dataset: str, id: str) -> str:
    """Return a file's text as it was split."""
    _, chunks = kb.files.get(id, dataset)
    return _joined(chunks)
