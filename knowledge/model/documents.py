"""What loaders make of files."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from knowledge.model.datasets import Metadata
from knowledge.model.passages import PageUnit


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
