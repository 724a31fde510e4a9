"""EPUB books to Markdown, chapter by chapter in reading order (EPUB 2 and 3)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from knowledge.documents.loaders.numbered_pages import Part, numbered
from knowledge.documents.loaders.office.xml_package import Package, local_name, properties
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.documents.loaders.web import html
from knowledge.documents.loaders.web.styles import marking_rules
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError
from knowledge.model import Anchor, Document, PageUnit, TextKind
from knowledge.text.cleaning import clean

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_SHOWN = ("title", "creator", "contributor", "publisher", "date", "description", "subject")
_LABELS = {"creator": "Authors", "contributor": "Contributors", "subject": "Subjects"}


def load(source: Source) -> Loaded:
    """Read a book: a text of all chapters, and one of what its package tells of it.

    Raises
    ------
    DocumentError
        It can't be read, or its chapters are encrypted.
    """
    book = _Book(source)
    chapters = list(book.chapters())
    text, spans = numbered(part for part, _ in chapters)
    anchors = tuple(
        Anchor(anchor.name, span.char_start + anchor.char_start)
        for span, (_, found) in zip(spans, chapters, strict=True)
        for anchor in found
    )
    metadata: dict[str, Any] = {**book.metadata, "chapters": len(spans)}
    documents = [
        Document(
            text,
            TextKind.MARKDOWN,
            spans,
            PageUnit.CHAPTER,
            metadata=metadata,
            loader="epub",
            anchors=anchors,
        )
    ]
    if book.about and text.strip():
        documents.append(Document(book.about, TextKind.MARKDOWN, loader="epub"))
    return Loaded(tuple(documents), metadata=metadata)


class _Book:
    """The package of a book."""

    def __init__(self, source: Source) -> None:
        self._package = package = Package(source.data)
        self._source = replace(source, options=replace(source.options, html="full"))
        self._path = self._package_file()
        root = package.tree(self._path)
        if root is None:
            raise DocumentError("it can't be read: its package file is missing or damaged")
        found = {local_name(element): element for element in root}
        about = found.get("metadata")
        self.metadata = properties(about, date="created") if about is not None else {}
        self.about = _about(about) if about is not None else ""
        self._items = {e.get("id", ""): e for e in _named(found.get("manifest"), "item")}
        self._spine = found.get("spine")
        self._encrypted = set(self._encrypted_parts())
        self._sheets = "\n".join(filter(None, self._style_sheets()))

    def chapters(self) -> Iterator[tuple[Part, list[Anchor]]]:
        """Yield the chapters that hold text, numbered from 1, each with the anchors in it."""
        titles = self._titles()
        number = 0
        for path in self._reading_order():
            page = self._page(path)
            text = page.text.strip() if page else ""
            if page is None or not text:
                continue
            shift = len(page.text.lstrip()) - len(page.text)
            number += 1
            title = titles.get(path.lower()) or _first_heading(text)
            if not text.startswith("#"):  # else it would stand below the last chapter's heading
                head = f"{markdown.heading(1, title or f'Chapter {number}')}\n\n"
                text, shift = head + text, shift + len(head)
            anchors = [Anchor(one.name, one.char_start + shift) for one in page.anchors]
            yield Part(number, text, title), anchors

    def _package_file(self) -> str:
        root = self._package.tree(_CONTAINER)
        for element in root.iter() if root is not None else ():
            if local_name(element) == "rootfile" and element.get("full-path"):
                return unquote(str(element.get("full-path")))
        return next((name for name in self._package.names() if name.endswith(".opf")), "")

    def _reading_order(self) -> Iterator[str]:
        spine = [self._items.get(e.get("idref", "")) for e in _named(self._spine, "itemref")]
        for item in spine or self._items.values():  # without an order, as the manifest has them
            if item is None or item.get("media-type") not in _PAGES:
                continue
            if "nav" not in str(item.get("properties", "")).split():
                yield self._target(self._path, str(item.get("href", "")))

    def _page(self, path: str) -> Document | None:
        if path.lower() in self._encrypted:
            raise DocumentError("its chapters are encrypted (DRM)")
        data = self._package.read(path)
        return html.load(replace(self._source, data=data), self._sheets) if data else None

    def _style_sheets(self) -> Iterator[str]:
        """Yield what the book's style sheets mark."""
        for item in self._items.values():
            if item.get("media-type") == "text/css":
                data = self._package.read(self._target(self._path, str(item.get("href", ""))))
                yield marking_rules((data or b"").decode("utf-8", "replace"))

    def _titles(self) -> dict[str, str]:
        """Return the titles of the table of contents by the paths they lead to."""
        titles: dict[str, str] = {}
        for item in self._items.values():
            is_nav = "nav" in str(item.get("properties", "")).split()
            if not is_nav and item.get("media-type") != "application/x-dtbncx+xml":
                continue
            path = self._target(self._path, str(item.get("href", "")))
            root = self._package.tree(path)
            for target, title in _entries(root) if root is not None else ():
                titles.setdefault(self._target(path, target).lower(), title)
        return titles

    def _encrypted_parts(self) -> Iterator[str]:
        root = self._package.tree(_ENCRYPTION)
        for element in root.iter() if root is not None else ():
            if local_name(element) == "CipherReference":
                yield unquote(str(element.get("URI", ""))).lower()

    @staticmethod
    def _target(base: str, reference: str) -> str:
        """Return the path that a reference in the part ``base`` leads to."""
        path = unquote(reference.partition("#")[0])
        return posixpath.normpath(posixpath.join("/", posixpath.dirname(base), path)).lstrip("/")


def _entries(root: Any) -> Iterator[tuple[str, str]]:
    for element in root.iter():
        name = local_name(element)
        if name == "a" and element.get("href"):
            yield str(element.get("href")), _text(element)
        elif name == "navPoint":
            label = next((e for e in element if local_name(e) == "navLabel"), None)
            content = next((e for e in element if local_name(e) == "content"), None)
            if label is not None and content is not None:
                yield str(content.get("src", "")), _text(label)


def _about(metadata: Any) -> str:
    """Return what the package tells of the book, a line for each kind of thing."""
    found: dict[str, list[str]] = {}
    for element in metadata.iter():
        name = local_name(element)
        if name in _SHOWN and _text(element):
            found.setdefault(name, []).append(_text(element))
    lines = []
    for name in _SHOWN:
        if name in found:
            label = _LABELS.get(name, name.capitalize())
            lines.append(f"**{label}:** {', '.join(found[name])}")
    return "\n\n".join(lines)


def _named(parent: Any, name: str) -> Iterator[Any]:
    return (e for e in (parent if parent is not None else ()) if local_name(e) == name)


def _first_heading(text: str) -> str:
    first = text.partition("\n")[0]
    return first.lstrip("#").strip() if first.startswith("#") else ""


def _text(element: Any) -> str:
    return " ".join(clean("".join(element.itertext())).split())
