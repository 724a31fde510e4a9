"""OpenDocument texts and presentations (ODF 1.3, ISO/IEC 26300) to Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from knowledge.documents.loaders.office.odf_protection import open_package
from knowledge.documents.loaders.office.odf_text import OdfText, attribute
from knowledge.documents.loaders.office.package import local_name, parse_xml, properties
from knowledge.documents.loaders.office.parts import Part, numbered
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import Document, PageUnit, TextKind
from knowledge.text.cleaning import clean

RUNNING = "Headers and footers"
"""Heading of what stands on every page."""


def load(source: Source) -> Loaded:
    """Read a text, a presentation or a drawing, packed or as a single XML file.

    Raises
    ------
    DocumentError
        It can't be read, or is protected by a password.
    """
    content, styles, metadata = _roots(source.data, source.options)
    body = next((e for e in content.iter() if local_name(e) == "body"), None)
    kind = next((e for e in body if isinstance(e.tag, str)), None) if body is not None else None
    if kind is None:
        raise DocumentError("it can't be read: its content has no body")
    if local_name(kind) in ("presentation", "drawing"):
        return _slides(kind, metadata)
    text = clean(markdown.join(OdfText().blocks(kind)))
    documents = [Document(text, TextKind.MARKDOWN, metadata=metadata, loader="opendocument")]
    running = clean("\n\n".join(dict.fromkeys(_running(styles))))
    if running:
        documents.append(
            Document(running, TextKind.MARKDOWN, loader="opendocument", heading=(RUNNING,))
        )
    return Loaded(tuple(documents), metadata=metadata)


def _roots(data: bytes, options: LoadOptions) -> tuple[Any, Any, dict[str, str]]:
    """Return the trees of content and styles, and the metadata."""
    if not data.startswith(b"PK"):
        root = parse_xml(data)
        if root is None or local_name(root) != "document":
            raise DocumentError("it can't be read: it is no OpenDocument file")
        meta = next((e for e in root if local_name(e) == "meta"), None)
        return root, root, properties(meta) if meta is not None else {}
    package = open_package(data, options)
    content, meta = package.tree("content.xml"), package.tree("meta.xml")
    if content is None:
        raise DocumentError("it can't be read: its content is missing or damaged")
    return content, package.tree("styles.xml"), properties(meta) if meta is not None else {}


def _running(styles: Any) -> Iterator[str]:
    for element in styles.iter() if styles is not None else ():
        if local_name(element).startswith(("header", "footer")):
            text = markdown.join(OdfText().blocks(element))
            if any(map(str.isalpha, text)):
                yield text


def _slides(body: Any, metadata: dict[str, str]) -> Loaded:
    pages = [page for page in body if local_name(page) == "page"]
    presents = local_name(body) == "presentation"
    unit = PageUnit.SLIDE if presents else PageUnit.PAGE
    text, spans = numbered(_slide(page, number, unit) for number, page in enumerate(pages, 1))
    metadata = {**metadata, f"{unit.value}s": len(pages)}  # type: ignore[dict-item]
    document = Document(
        text, TextKind.MARKDOWN, spans, unit, metadata=metadata, loader="opendocument"
    )
    return Loaded((document,), metadata=metadata)


def _slide(page: Any, number: int, unit: PageUnit) -> Part:
    title = ""
    blocks: list[str] = []
    for shape in page:
        name = local_name(shape)
        found = list(OdfText().blocks(shape))
        if name == "notes":
            note = "\n\n".join(block for block in found if any(map(str.isalnum, block)))
            blocks += [f"Notes: {note}"] if note else []
        elif attribute(shape, "class") == "title" and not title:
            title = " ".join(" ".join(found).split())
        else:
            blocks += found
    if not title and not any(blocks):
        return Part(number, "")
    shown = markdown.heading(1, title or f"{unit.value.capitalize()} {number}")
    return Part(number, markdown.join([shown, *blocks]), title)
