"""A mail of any format as a document: its header fields, its text, and what is attached."""

from __future__ import annotations

import posixpath
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from knowledge.documents.budget import BudgetError
from knowledge.documents.containers import Members, is_junk
from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions
from knowledge.errors import EmptyDocumentError
from knowledge.model import Document, Metadata, PageSpan, PageUnit, TextKind

NO_SUBJECT = "(no subject)"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]+")
SMALL_IMAGE = 16_384
"""Bytes of a picture inside the text, which below it is a logo, a line or a tracker."""

_TEASER = 200
"""Characters of a plain text that may only say that there is an HTML text."""

_MARKED = re.compile(r"~~|\d\^|[²³¹⁰⁴-⁹₀-₉]")
_FIELDS = ("Subject", "From", "To", "Cc", "Date")


@dataclass(slots=True)
class TextPart:
    """A part of a mail that is read as its text.

    ``number`` counts the parts of the mail, from 1; ``text`` is Markdown when it comes from HTML.
    """

    number: int
    text: str
    kind: TextKind = TextKind.TEXT
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Attachment:
    """A file that comes with a mail."""

    name: str
    data: bytes


@dataclass(slots=True)
class Mail:
    """What any mail format holds. ``fields`` are header fields by name, as in "From"."""

    fields: dict[str, str]
    created: str = ""
    parts: list[TextPart] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """The subject, or what stands for it."""
        return self.fields.get("Subject") or NO_SUBJECT

    @property
    def metadata(self) -> Metadata:
        """Title, author and date."""
        named = {
            "title": self.fields.get("Subject"),
            "author": self.fields.get("From"),
            "to": self.fields.get("To"),
            "cc": self.fields.get("Cc"),
            "created": self.created,
        }
        return {name: value for name, value in named.items() if value}


def document_of(mail: Mail, loader: str, *, number: int | None = None) -> Document:
    """Return a mail's fields and text as a document, below its subject as heading.

    Parameters
    ----------
    loader:
        What read it.
    number:
        The message's number in its mailbox, which is then cited; else the parts of the mail are.
    """
    text = "\n".join(f"{name}: {mail.fields[name]}" for name in _FIELDS if mail.fields.get(name))
    spans: list[PageSpan] = []
    markdown = any(part.kind is TextKind.MARKDOWN for part in mail.parts)
    if markdown:
        text = text.replace("\n", "  \n")  # Markdown would run the lines together
    for part in mail.parts:
        start = len(text) if spans else 0
        body = part.text.strip("\n")
        text += ("\n\n" if text else "") + body
        spans.append(PageSpan(part.number, start, len(text)))
    text += "\n"
    if number is not None:
        spans = [PageSpan(number, 0, len(text), mail.subject)]
    return Document(
        text,
        TextKind.MARKDOWN if markdown else TextKind.TEXT,
        pages=tuple(spans),
        page_unit=PageUnit.PART if number is None else PageUnit.MESSAGE,
        metadata=mail.metadata,
        heading=(mail.subject,),
        loader=loader,
        warnings=tuple(warning for part in mail.parts for warning in part.warnings),
    )


def html_part(number: int, page: str, options: LoadOptions) -> TextPart | None:
    """Read an HTML text whole, since a mail has no navigation; ``None`` for one without text.

    Raises
    ------
    DocumentError
        It can't be read.
    """
    whole = replace(options, html="full")
    try:
        # With the mark, the page's own word on its encoding does not count.
        (found,) = load(BOM_UTF8 + page.encode(), "mail.html", whole).documents
    except EmptyDocumentError:
        return None
    return TextPart(number, found.text, found.kind, found.warnings)


def text_part(number: int, text: str, warnings: tuple[str, ...] = ()) -> TextPart | None:
    """Return a plain text as a part; ``None`` for one without text."""
    return TextPart(number, text, TextKind.TEXT, warnings) if text.strip() else None


def better(plain: TextPart | None, html: TextPart | None) -> TextPart | None:
    """Choose between two forms of a text: the plain one, unless the other one says more.

    It does where the plain one is a mere hint at it, or has lost raised, lowered or struck text.
    """
    if plain is None or html is None:
        return plain or html
    text = plain.text.strip()
    hint = len(text) < _TEASER and len(html.text.strip()) > 5 * len(text)
    lost = len(_MARKED.findall(html.text)) > len(_MARKED.findall(plain.text))
    return html if hint or lost else plain


def read_attachments(attachments: Sequence[Attachment], members: Members, folder: str = "") -> None:
    """Read what is attached as members; ``folder`` comes before their names."""
    names: set[str] = set()
    path = folder
    try:
        for attachment in attachments:
            name = unique(safe_name(attachment.name), names)
            path = folder + name
            members.budget.take_member()
            if not is_junk(name):
                members.read(path, attachment.data)
    except BudgetError as error:
        members.fail(path, error)


def safe_name(name: str) -> str:
    """Return a file name without path and control characters."""
    return _UNSAFE.sub("_", name).strip() or "attachment"


def unique(name: str, names: set[str]) -> str:
    """Return a name that is not among ``names`` yet, and add it to them."""
    stem, ending = posixpath.splitext(name)
    number = 1
    found = name
    while found in names:
        number += 1
        found = f"{stem}-{number}{ending}"
    names.add(found)
    return found
