"""The nouns of the knowledge base: plain frozen dataclasses that every package may use.

Nothing here reads a file, a database or the network. Character offsets count Python
characters (Unicode code points) of a document's text, end exclusive. Lines, pages and ranks
count from 1, ordinals from 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

Metadata = Mapping[str, Any]
"""JSON values by name, given by the user or a loader."""


class FileStatus(StrEnum):
    """The result of an ingest run for a file."""

    INGESTED = "ingested"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


class TextKind(StrEnum):
    """The structure of a document's text, which decides where it may be split."""

    TEXT = "text"
    MARKDOWN = "markdown"
    RST = "rst"
    ASCIIDOC = "asciidoc"
    ORG = "org"
    LATEX = "latex"
    CODE = "code"
    ROWS = "rows"
    """One record a line (or a few, when quoted); the first record is the header."""
    RECORDS = "records"
    """One record a line, without a header."""


class PageUnit(StrEnum):
    """The kind of numbered parts that a format has; all are handled as pages."""

    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    CELL = "cell"
    CHAPTER = "chapter"
    MESSAGE = "message"
    PART = "part"
    CUE = "cue"


@dataclass(frozen=True, slots=True)
class PageSpan:
    """The part of a document's text on one page, slide, sheet and so on.

    Parameters
    ----------
    number:
        Page number, from 1.
    char_start, char_end:
        The page's span in ``Document.text``.
    name:
        What the format calls it, such as a sheet's name; empty where it has none.
    """

    number: int
    char_start: int
    char_end: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a document's text that an address may name, such as the id of a section.

    Parameters
    ----------
    name:
        What stands behind ``#`` in an address.
    char_start:
        Where it stands in ``Document.text``.
    """

    name: str
    char_start: int


@dataclass(frozen=True, slots=True)
class Document:
    """What a loader makes of one file, or of one member of a container.

    Parameters
    ----------
    text:
        The whole text in reading order, free of NUL bytes and lone surrogates.
    kind:
        The structure of the text.
    pages:
        Page spans in order; empty where the format has no pages.
    page_unit:
        The kind of these pages.
    has_lines:
        True when the lines of ``text`` are the lines of the file, or the rows of a sheet, so that
        their numbers can be cited. False for PDF, DOCX, HTML and all other converted formats.
    first_line:
        Number of the text's first line or row in the file.
    metadata:
        Title, author, page count and the like, as recorded by the format.
    member:
        Path inside the container that holds it; empty for the file itself.
    heading:
        Titles above the whole text, such as a mail's subject; they precede its own headings.
    syntax:
        The language of code, such as ``python`` or ``yaml``; empty if it does not matter.
    anchors:
        Places that an address may name, in order.
    loader:
        The engine that read it, such as ``text`` or ``kreuzberg``.
    warnings:
        Messages for the user about what was lost or guessed.
    """

    text: str
    kind: TextKind = TextKind.TEXT
    pages: tuple[PageSpan, ...] = ()
    page_unit: PageUnit = PageUnit.PAGE
    has_lines: bool = False
    first_line: int = 1
    metadata: Metadata = field(default_factory=dict)
    loader: str = "text"
    warnings: tuple[str, ...] = ()
    member: str = ""
    syntax: str = ""
    heading: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, as split: text with its position in the document.

    Parameters
    ----------
    ordinal:
        Position among the document's passages, from 0.
    text:
        The text to show. A table's passage repeats the header row before its own rows, one of
        fenced code is opened and closed like the whole.
    char_start, char_end:
        Span in the document's text.
    heading:
        Titles of the headings above the passage, outermost first.
    tokens:
        Size as counted by the splitter's tokenizer, without the heading path.
    page_unit, page_name:
        What ``page_start`` and ``page_end`` count, and what the format calls the first of them.
    member:
        Path inside the container that holds the document; empty for the file itself.
    metadata:
        Metadata of this part of the file alone; a file's own stands with the file.
    lead:
        Characters at the start of ``text`` that are repeated from before the span. What closes
        fenced code stands behind the span's text.
    row_start, row_end:
        The rows that it holds of a table that takes several passages, counted from 1 below the
        header.
    anchor:
        The nearest anchor at or above its start; empty for none.
    """

    ordinal: int
    text: str
    char_start: int
    char_end: int
    line_start: int | None = None
    line_end: int | None = None
    page_start: int | None = None
    page_end: int | None = None
    heading: tuple[str, ...] = ()
    tokens: int = 0
    page_unit: PageUnit = PageUnit.PAGE
    page_name: str = ""
    member: str = ""
    metadata: Metadata = field(default_factory=dict)
    lead: int = 0
    row_start: int | None = None
    row_end: int | None = None
    anchor: str = ""

    @property
    def beyond(self) -> int:
        """Characters of ``text`` that are not the span's: ``lead``, and what stands behind."""
        return max(0, len(self.text) - (self.char_end - self.char_start))

    @property
    def embedding_text(self) -> str:
        """The text that is embedded: the heading path on its own line, then the text."""
        if not self.heading:
            return self.text
        return " > ".join(self.heading) + "\n" + self.text

    def cite(self, file: str) -> str:
        """Return the passage's citation, given the path of its file."""
        place = f"{file}!/{self.member}" if self.member else file
        if self.anchor:
            place += f"#{self.anchor}"
        if self.page_start is None:
            return place + self._rows if self.line_start is None else f"{place}:{self._lines}"
        several = self.page_end not in (None, self.page_start)
        pages = _span(self.page_start, self.page_end)
        if self.page_unit is PageUnit.SHEET and self.page_name and not several:
            pages = self.page_name
        place = f"{place}, {self.page_unit}{'s' * several} {pages}"
        if self.page_unit is PageUnit.CUE and self.page_name:
            place += f" at {self.page_name}"
        if self.line_start is None:
            return place + self._rows
        word = "row" if self.page_unit is PageUnit.SHEET else "line"
        return f"{place}, {word}{'s' * (self.line_end != self.line_start)} {self._lines}"

    @property
    def _rows(self) -> str:
        if self.row_start is None:
            return ""
        rows = _span(self.row_start, self.row_end)
        return f", table row{'s' * (self.row_end != self.row_start)} {rows}"

    @property
    def _lines(self) -> str:
        assert self.line_start is not None
        return _span(self.line_start, self.line_end)


@dataclass(frozen=True, slots=True)
class SplitterSpec:
    """How documents are split; recorded with a dataset at its first ingest.

    Parameters
    ----------
    chunk_size:
        Maximum tokens in a chunk.
    chunk_overlap:
        Tokens shared by neighbouring chunks; less than ``chunk_size``.
    tokenizer:
        The OpenAI model whose encoding counts tokens. Not recorded: only flows set another one.
    """

    chunk_size: int = 256
    chunk_overlap: int = 40
    tokenizer: str = "gpt-4"


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """The identity of an embedding model; recorded with a dataset at its first ingest.

    Two specs with different fingerprints give vectors that cannot be compared.

    Parameters
    ----------
    provider, model:
        Names, as written by the user.
    dimensions:
        Length of a vector; ``None`` only before the first answer of a provider whose dimensions
        are not known beforehand.
    options:
        Options of the model beyond its name, such as ``{"dimensions": 512}``.
    """

    provider: str
    model: str
    dimensions: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The identity as text: provider, model and options, not what was learnt from answers."""
        return json.dumps([self.provider, self.model, dict(self.options)], sort_keys=True)

    def __str__(self) -> str:
        size = f", {self.dimensions} dimensions" if self.dimensions else ""
        return f"{self.provider}:{self.model}{size}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named collection of documents, as its last published generation shows it.

    ``vectors`` is the generation whose folder holds the vectors: an earlier one than
    ``generation`` when the last publish changed none. ``sparse`` is its second model, which gives
    texts as weights of terms.
    """

    name: str
    key: str
    generation: int
    vectors: int
    files: int
    chunks: int
    embedding: EmbedderSpec | None
    splitter: SplitterSpec | None
    metadata: Metadata
    created_at: datetime
    updated_at: datetime
    sparse: EmbedderSpec | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a dataset holds.

    ``path`` is the absolute path, the URL, or the name given to standard input. ``size`` counts
    bytes, ``mtime_ns`` nanoseconds since the epoch; ``content_hash`` is SHA-256 of the bytes, in
    hex.
    ``metadata`` comes from the format and the source of the document, ``given`` from the user.
    ``remembered`` is what the next run needs: the ``flags`` part of ``given``
    where ``.knowledge.json`` gave some of it, a page's ``etag`` and the like.
    """

    id: str
    path: str
    name: str
    size: int
    mtime_ns: int
    content_hash: str
    chunks: int
    tokens: int
    metadata: Metadata
    given: Metadata
    ingested_at: datetime
    remembered: Metadata = field(default_factory=dict)

    @property
    def all_metadata(self) -> dict[str, Any]:
        """Both kinds of metadata; the user's override the document's."""
        return {**self.metadata, **self.given}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored passage with its identity."""

    id: str
    file_id: str
    passage: Passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query, best first.

    Hits are ranked by ``score``; ``cosine`` is the cosine similarity of query and
    chunk, in [-1, 1]; ``None`` where no embedding provider was asked. In dense mode they are the
    same number. ``scores`` holds the parts of the score: ``dense`` (the cosine), ``keyword`` (BM25;
    each absent if not computed), and the ranks of the chunk in each search, ``dense_rank`` and
    ``keyword_rank``; further stages add theirs.

    ``relevance`` says how well it fits, from 0 to 1, whatever else was found; ``None`` where there
    was no question.

    ``shown`` is the passage to show if it is more than the chunk: with neighbours, and with the
    hits ``merged`` into it. ``also`` are near duplicates that were folded into this hit.
    """

    rank: int
    score: float
    cosine: float | None
    dataset: str
    file: str
    name: str
    chunk: Chunk
    metadata: Metadata
    scores: Mapping[str, float] = field(default_factory=dict)
    shown: Passage | None = None
    merged: tuple[Hit, ...] = ()
    also: tuple[Hit, ...] = ()
    relevance: float | None = None

    @classmethod
    def of(
        cls, dataset: Dataset, file: SourceFile, chunk: Chunk, *, rank: int, **found: Any
    ) -> Self:
        """Return a chunk as a hit; ``found`` are the fields that a search fills, if there was one.

        What is known of the passage wins over what is known of its file.
        """
        return cls(
            rank=rank,
            dataset=dataset.name,
            file=file.path,
            name=file.name,
            chunk=chunk,
            metadata={**file.all_metadata, **chunk.passage.metadata},
            **{"score": 0.0, "cosine": None, **found},
        )

    @property
    def passage(self) -> Passage:
        """The passage to show: the chunk's own, or the one with its neighbours."""
        return self.shown or self.chunk.passage

    @property
    def text(self) -> str:
        """The passage's text, without its heading path."""
        return self.passage.text

    @property
    def citation(self) -> str:
        """The location of the chunk.

        ``path:line-line``, ``path, page N``, ``page.html#section-id``, ``book.xlsx, sheet Sales,
        rows 2-9``; inside a container ``archive.zip!/path/in/it:line-line``.
        """
        return self.passage.cite(self.file)


def _span(start: int, end: int | None) -> str:
    return str(start) if end is None or end == start else f"{start}-{end}"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a member of one, that an ingest run could not ingest completely, and why.

    ``status`` is ``failed``, ``empty`` or ``unsupported``; or ``notice`` for a file that was
    ingested with a remark. A member of a container is ``file!/path/in/it``.
    """

    file: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of an ingest run.

    ``files`` counts files by status, each status present. ``embedded`` counts texts that were
    sent to the embedder; ``reused`` chunks kept their vector. ``seconds`` is wall time.
    ``cost_usd`` is what the tokens cost, ``None`` where the model has no known price.
    """

    dataset: str
    files: Mapping[FileStatus, int]
    chunks_added: int
    chunks_removed: int
    chunks_reused: int
    embedded: int
    tokens: int
    seconds: float
    problems: tuple[FileProblem, ...] = ()
    dry_run: bool = False
    cost_usd: float | None = None

    @property
    def failed(self) -> bool:
        """True when at least one file, or one member of a container, failed."""
        return self.files[FileStatus.FAILED] > 0 or any(
            problem.status == FileStatus.FAILED for problem in self.problems
        )


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """The result of embedding a dataset again; the counts are as in :class:`IngestReport`.

    ``before`` and ``after`` are the dataset's models. ``chunks`` is 0 where the dataset had the
    model already.
    """

    dataset: str
    before: EmbedderSpec | None
    after: EmbedderSpec
    chunks: int
    embedded: int
    tokens: int
    cost_usd: float | None
    seconds: float
