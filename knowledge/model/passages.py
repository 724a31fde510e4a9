"""Pieces of documents, as they are split and stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from knowledge.model.datasets import Metadata


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
class Chunk:
    """A stored passage with its identity."""

    id: str
    file_id: str
    passage: Passage


def _span(start: int, end: int | None) -> str:
    return str(start) if end is None or end == start else f"{start}-{end}"
