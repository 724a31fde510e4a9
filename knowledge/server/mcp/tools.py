"""What the tools do: each takes plain arguments and a knowledge base, and answers in two ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_types import CallToolResult

from knowledge.errors import FileNotInDatasetError, UsageError
from knowledge.records import nouns
from knowledge.records import upkeep as upkeep_records
from knowledge.server.mcp import results
from knowledge.server.mcp.results import answered, cut, offset_of

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import Chunk, Dataset, Hit, SourceFile

FILLED = 1_000
"""Characters of a problem's reason."""
MOST_PROBLEMS = 20
WEAK = 0.3
"""Relevance below which a passage is hardly an answer."""
_CHUNK = re.compile(r"[0-9a-f]{8,32}")
_SPAN = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


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
    asked: Hits,
) -> CallToolResult:
    """Search, and list the passages with where they stand."""
    key = ("search", query, dataset, filter)
    offset = offset_of(asked.cursor, key)
    found = kb.retrieve(query, dataset or None, offset + asked.limit, where=filter)
    told = _weak_note(found.hits) if not offset else None
    return _hits(kb, found.hits, offset, asked, key, told)


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
) -> CallToolResult:
    full = len(hits) == offset + asked.limit
    part = cut(
        hits[offset:], _told, max_tokens=asked.max_tokens, offset=offset, asked=key, more=full
    )
    rows = [_found(hit) for hit in part.items]
    lines = [_told(hit) for hit in part.items]
    if not lines:
        note = "There are no further passages." if offset else "No passage was found."
    text = "\n\n".join(filter(None, [note, *lines, _more(part.next_cursor)]))
    content = results.SearchAnswer(
        results=rows, next_cursor=part.next_cursor, note=note, generations=kb.generations
    )
    return answered(text, content)


def _weak_note(hits: Sequence[Hit]) -> str | None:
    known = [found for hit in hits if (found := relevance_of(hit)) is not None]
    if known and max(known) < WEAK:
        return (
            "Nothing fits well: the documents hardly hold an answer. Say so, rather than answer "
            "from these passages."
        )
    return None


def _told(hit: Hit) -> str:
    fits = "" if (found := relevance_of(hit)) is None else f", relevance {found:.2f}"
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


def _found(hit: Hit) -> results.Found:
    return results.Found(
        id=hit.chunk.id,
        title=" > ".join((hit.name, *hit.passage.heading)),
        url=url_of(hit.file),
        text=hit.text,
        citation=hit.citation,
        dataset=hit.dataset,
        file=hit.file,
        relevance=relevance_of(hit),
        score=round(hit.score, 6),
    )


def relevance_of(hit: Hit) -> float | None:
    """Return how well a hit fits, from 0 to 1."""
    return getattr(hit, "relevance", None)


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
    """Give a passage with its neighbours, or a file, or some lines or pages of one."""
    key = ("fetch", id, dataset, lines, pages)
    offset = offset_of(cursor, key)
    if _CHUNK.fullmatch(id):
        try:
            hit = kb.show_chunk(id, dataset, before=1, after=1)
        except FileNotInDatasetError:
            pass  # it may be a file's id
        else:
            return _passage(hit)
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


def _passage(hit: Hit) -> CallToolResult:
    content = results.Fetched(
        id=hit.chunk.id,
        title=" > ".join((hit.name, *hit.passage.heading)),
        text=hit.text,
        url=url_of(hit.file),
        metadata={
            **hit.metadata,
            "dataset": hit.dataset,
            "file": hit.file,
            "citation": hit.citation,
        },
    )
    return answered(f"{hit.citation}\n\n{hit.text}", content)


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
    raise FileNotInDatasetError(
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
    text, last, member = "", 0, None
    for chunk in chunks:
        passage = chunk.passage
        whole = len(passage.text) == passage.char_end - passage.char_start
        shared = last - passage.char_start if whole and passage.member == member else 0
        added = passage.text[max(0, shared) :]
        if shared < 0 or not whole or passage.member != member:
            text += "\n\n" if text else ""
        text += added
        last, member = passage.char_end, passage.member
    return text


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


def list_files(
    kb: KnowledgeBase,
    dataset: str | None,
    pattern: str | None,
    limit: int,
    max_tokens: int,
    cursor: str | None,
) -> CallToolResult:
    """List a dataset's files by path."""
    key = ("list_files", dataset, pattern)
    offset = offset_of(cursor, key)
    owner = kb.datasets.get(dataset)
    files = _matching(kb.files.list(owner.name), pattern)
    if pattern and not files:
        raise FileNotInDatasetError(
            f"no file of dataset {owner.name!r} matches {pattern!r}",
            hint="* stands for a part of a name, ** for folders: **/*.pdf.",
        )
    part = cut(
        files[offset : offset + limit],
        lambda one: one.path,
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
    lines = [f"- {one.path} ({one.chunks} chunks, id {one.id})" for one in part.items]
    content = results.FileList(dataset=owner.name, files=rows, next_cursor=part.next_cursor)
    head = f"{len(files)} files in dataset {owner.name}"
    return answered("\n".join(filter(None, [head, *lines, _more(part.next_cursor)])), content)


def _matching(files: Sequence[SourceFile], pattern: str | None) -> list[SourceFile]:
    if not pattern:
        return list(files)
    from knowledge.retrieval.query import Globs

    globs = Globs((pattern,))
    return [one for one in files if globs.match(one.path)]


def ask(
    kb: KnowledgeBase, question: str, dataset: str | Sequence[str] | None, limit: int
) -> CallToolResult:
    """Have the chat model that is set answer from passages, with numbered sources."""
    given = kb.ask(question, dataset or None, limit)
    cited = [
        results.Cited(number=number, id=hit.chunk.id, citation=hit.citation, url=url_of(hit.file))
        for number in given.cited
        for hit in [given.hits[number - 1]]
    ]
    text = given.text or "The documents do not say."
    sources = [f"[{one.number}] {one.citation}" for one in cited]
    return answered(
        "\n".join([text, "", *sources]).strip(), results.Answered(answer=text, citations=cited)
    )


def status(kb: KnowledgeBase, dataset: str | None) -> CallToolResult:
    """Tell what datasets hold, how their last ingest ended, and what is wrong with files."""
    rows = upkeep_records.status(kb.upkeep.status(dataset))["datasets"]
    for row in rows:
        missed = kb.upkeep.missed_files(row["name"])
        row["problems"] = [nouns.missed_record(one) for one in missed[:MOST_PROBLEMS]]
        row["problem_count"] = len(missed)
    lines = []
    for row in rows:
        last = row.get("last_run") or {}
        ended = f"; last {last['command']} {last['outcome']}" if last else ""
        lines.append(f"{row['name']}: {row['files']} files, {row['chunks']} chunks{ended}")
        lines += [f"- {one['status']}: {one['file']}: {one['reason']}" for one in row["problems"]]
    return answered(
        "\n".join(lines) or "There is no dataset yet.", results.StatusAnswer(datasets=rows)
    )


def ingest(kb: KnowledgeBase, paths: Sequence[str], dataset: str | None) -> CallToolResult:
    """Bring a dataset in step with paths, which the caller may name."""
    report = kb.ingest(list(paths), dataset)
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
