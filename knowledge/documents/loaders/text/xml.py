"""XML: documents and feeds to Markdown, drawings to their words, data as its own lines.

External entities are not fetched and internal ones are not expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.xml_text import (
    PARAGRAPHS,
    SPACE,
    inner_elements,
    is_mixed,
    local_name,
    paragraph,
    plain_text,
)
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.splitting.fencing import fenced
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean, drop_inline_data, words

if TYPE_CHECKING:
    from lxml.etree import _Element


_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_OPEN_TYPE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}mimetype"
_LONG_LINE = 500
_HEAD = 4_096
_WHOLE = 0.95
"""The share of a malformed document's characters that must be found in it."""
_ROOT = re.compile(r"<(?:\w+:)?([A-Za-z][\w.-]*)")
_TAG = re.compile(r"<[^<>]*>")
_STRAY = re.compile(
    r"<!\[CDATA\[.*?\]\]>|&[A-Za-z]\w{1,30};|&(?!#?\w{1,40};)|<(?![A-Za-z_/!?])", re.DOTALL
)
"""Signs that should have been written as entities, and entities; parts that need none."""
_ENTITIES = re.compile(r"<!ENTITY\s+([\w.-]+)")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);")
_DOCUMENTS = words(
    "FictionBook TEI TEI.2 article book chapter topic concept task reference dita bookmap dtbook "
    "Workbook"
)
"""The roots of documents, which are documents however short their texts are."""
_PROGRAMS = words("stylesheet transform schema project beans configuration")
"""The roots of programs and settings, even where they hold a few words of text."""
_ENTRIES = frozenset({"item", "entry"})
_SHOWN_IN_SVG = frozenset({"title", "desc", "text"})


def load(source: Source) -> Document | Loaded:
    """Read XML; what is no document keeps its lines, as does what can't be parsed.

    Raises
    ------
    DocumentError
        It is no text.
    """
    declared = _DECLARED.match(source.data.lstrip()[:300])
    content, warnings = decode(source.data, declared=declared[1].decode() if declared else None)
    root = _parse(content)
    if root is None:
        root = _recovered(content)
    kind = local_name(root) if root is not None else ""
    if root is None:
        document = _as_lines(content)
    elif kind == "document" and root.get(_OPEN_TYPE):
        return _open_document(source, str(root.get(_OPEN_TYPE)))
    elif kind == "html":
        from knowledge.documents.loaders.web import html

        return html.load(replace(source, data=content.encode()))
    elif kind == "svg":
        document = Document(_words_of_drawing(root))
    elif kind in ("rss", "feed", "RDF") and any(local_name(n) in _ENTRIES for n in root.iter()):
        from knowledge.documents.loaders.text.feeds import feed_text

        document = Document(feed_text(root), TextKind.MARKDOWN, metadata=_about(root))
    elif kind == "wordDocument":
        document = Document(_runs(root), TextKind.MARKDOWN)
    elif kind in _DOCUMENTS or is_document(root):
        document = Document(markdown_of(root), TextKind.MARKDOWN, metadata=_about(root))
    else:
        document = _as_lines(_with_characters(_indented(root, content)))
    return Document(
        clean(drop_inline_data(document.text)),
        document.kind,
        has_lines=document.has_lines and document.text.count("\n") == content.count("\n"),
        metadata=document.metadata,
        syntax=document.syntax,
        loader="xml",
        warnings=warnings,
    )


def _open_document(source: Source, type_: str) -> Document | Loaded:
    """Read an OpenDocument file that is a single XML file of another name."""
    from knowledge.documents.loaders.office import opendocument
    from knowledge.documents.loaders.sheets import workbook

    if type_.endswith("spreadsheet"):
        return workbook.load(replace(source, format="ods"))
    return opendocument.load(replace(source, format="odt"))


def _runs(root: _Element) -> str:
    """Return the paragraphs of a document of Word 2003, whose text lies in runs."""
    paragraphs = (node for node in root.iter() if local_name(node) == "p")
    texts = ("".join(n.text or "" for n in p.iter() if local_name(n) == "t") for p in paragraphs)
    return "\n\n".join(filter(str.strip, texts))


def _recovered(source: str) -> _Element | None:
    """Return the root of malformed XML: signs that stand for themselves are mended in any kind.

    Documents of known kinds are read despite other faults, where all of their text is found.
    """
    declared = frozenset(_ENTITIES.findall(source))
    if source.rfind("<![CDATA[") > source.rfind("]]>"):
        return None
    mended = _STRAY.sub(lambda found: _mended(found[0], declared), source)
    root = _parse(mended) if mended != source else None
    begins = _ROOT.search(source[:_HEAD])
    if root is not None:
        return root
    if begins is None or begins[1] not in _DOCUMENTS:
        return None
    root = _parse(mended, recover=True)
    if root is None or local_name(root) != begins[1]:
        return None
    wanted = len(SPACE.sub("", _TAG.sub("", source)))
    return root if len(SPACE.sub("", plain_text(root))) >= _WHOLE * wanted else None


def _mended(sign: str, declared: frozenset[str]) -> str:
    """Return a sign that XML reads: itself, as an entity, or for an entity that HTML alone has.

    Parameters
    ----------
    declared:
        The entities that the document declares, which stay.
    """
    if sign in ("&", "<"):
        return escape(sign)
    shown = unescape(sign)
    stays = len(shown) > 1 or shown in "&<>\"'" or sign[1:-1] in declared
    return sign if stays else shown


def _parse(source: str, *, recover: bool = False) -> _Element | None:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )
    try:
        return etree.fromstring(_DECLARATION.sub("", source, count=1).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _as_lines(source: str) -> Document:
    return Document(source, TextKind.CODE, has_lines=True, syntax="xml")


def _indented(root: _Element, source: str) -> str:
    """Return data as it is, or in lines where it has none."""
    from lxml import etree

    if len(source) <= _LONG_LINE * (1 + source.strip().count("\n")):
        return source
    etree.indent(root, " ")
    return str(etree.tostring(root, encoding="unicode"))


def _with_characters(source: str) -> str:
    """Return data with the characters that its references stand for, but for line breaks."""
    return _REFERENCE.sub(lambda found: unescape(found[0]).replace("\n", " "), source)


def _about(root: _Element) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    names = ((node, local_name(node).lower()) for node in root.iter())
    title = next((n for n, name in names if "title" in name and not name.endswith("-info")), None)
    if title is not None and plain_text(title):
        metadata["title"] = plain_text(title)[:500]
    language = root.get(_LANGUAGE) or root.get("lang")
    if language:
        metadata["language"] = language
    return metadata


def _words_of_drawing(root: _Element) -> str:
    found = (node for node in root.iter() if local_name(node) in _SHOWN_IN_SVG)
    return "\n".join(filter(None, map(plain_text, found)))


# XML documents to Markdown, by what their elements look like: no vocabulary is needed.

_PROSE = 120
"""Characters of a text above which it is prose and not a value."""
_LEAST = 120
_VALUE = 80
_PACKED = 1_000
_DEEPEST = 250
_TITLES = re.compile(
    r"(?:.*-)?(?:title|heading|head|hd|subtitle|bridgehead)(?:-of-.*)?", re.IGNORECASE
)
_NAMES = words(
    "first-name middle-name last-name nickname firstname surname othername given-names prefix "
    "suffix forename lastname"
)
"""The parts of a person's name."""
_SHORTEST = 4
_WORDS = re.compile(r"[^\W\d_][\w'’,.:;()&/%°-]*(?:\s+[\w'’\"“”«»,.:;()&/%°?!–—-]+)+")
"""An attribute that says something: two words at least."""
_NO_WORDS = words(
    "style class rend schemaLocation type role transform points viewBox font-family properties "
    "prefix profile xpath select test match use-attribute-sets content-type"
)
_CITED = words("ref citation element-citation mixed-citation nlm-citation biblioentry biblStruct")
_CODE = words("programlisting screen literallayout codeblock synopsis preformat msgblock eg")
"""Elements of DocBook, DITA, JATS and TEI whose lines stay."""
_LIST_ITEMS = frozenset({"li", "listitem", "item", "list-item"})
_ROWS = frozenset({"row", "tr", "Row", "strow", "sthead"})


def is_document(root: _Element) -> bool:
    """Tell whether most of the text is prose: mixed with elements, or long."""
    prose = total = mixed = 0
    for element in root.iter():
        size = len((element.text or "").strip())
        tails = sum(len((child.tail or "").strip()) for child in element)
        total += size + tails
        if tails or (len(element) and size):
            mixed += 1
            prose += size + tails + sum(len((child.text or "").strip()) for child in element)
        elif size >= _PROSE and not _is_packed(element.text or ""):
            prose += size
    enough = total >= _LEAST or (mixed and local_name(root).lower() not in _PROGRAMS)
    return bool(enough) and 0 < total <= 2 * prose


def markdown_of(root: _Element) -> str:
    """Return a document as Markdown.

    What is titled makes a section, text with elements in it a paragraph, a short text by itself
    a line with its element's name before it.
    """
    parts: list[str] = []
    before = ""
    for text, kind in _top_blocks(root):
        if parts:
            parts.append("\n" if kind == before and kind in ("value", "row", "item") else "\n\n")
        parts.append(text)
        before = kind
    return "".join(parts)


def _top_blocks(root: _Element) -> Iterator[tuple[str, str]]:
    """Yield the blocks; what follows the part that holds the title alone stands below it."""
    children = inner_elements(root)
    names = [local_name(child) for child in children]
    if is_mixed(root) or any(map(_TITLES.fullmatch, names)):
        yield from _blocks(root, 0, 0)
        return
    level = 0
    for child, name in zip(children, names, strict=True):
        yield from _blocks(child, level, 1)
        if not level and names.count(name) == 1:
            level = int(any(_TITLES.fullmatch(local_name(node)) for node in child.iter()))


def _blocks(element: _Element, level: int, depth: int) -> Iterator[tuple[str, str]]:
    """Yield texts and their kinds: ``heading``, ``text``, ``item``, ``value`` or ``row``."""
    name = local_name(element)
    if name == "binary" and element.get("content-type"):
        return  # a picture of a FictionBook
    yield from _attributes(element)
    plain = not inner_elements(element) or is_mixed(element) or depth > _DEEPEST or name == "math"
    if plain or (_TITLES.fullmatch(name) and _is_title(element)):
        yield from _text_block(element, name, level)
        return
    if name in _ROWS:
        yield from _row(element)
        return
    values = _values(element)
    if values:
        yield f"{name}: {values}", "value"
        return
    if any(_TITLES.fullmatch(local_name(child)) for child in element):
        level += 1
    for child in inner_elements(element):
        yield from _blocks(child, level, depth + 1)


def _attributes(element: _Element) -> Iterator[tuple[str, str]]:
    """Yield the attributes of an element that are words, such as the title of a picture."""
    for key, value in element.attrib.items():
        name = str(key).rpartition("}")[2]
        if len(value) > _SHORTEST and name not in _NO_WORDS and _WORDS.fullmatch(value.strip()):
            yield f"{name}: {SPACE.sub(' ', value.strip())}", "value"


def _is_title(element: _Element) -> bool:
    """Tell whether an element of lines or paragraphs holds a title and nothing else."""
    names = {local_name(child) for child in element.iter() if child is not element}
    return not any(map(_TITLES.fullmatch, names)) and len(plain_text(element)) <= _LONG_LINE


def _text_block(element: _Element, name: str, level: int) -> Iterator[tuple[str, str]]:
    if _TITLES.fullmatch(name) and not _is_cited(element):
        title = plain_text(element)
        if title:
            yield f"{'#' * min(max(level, 1), 6)} {title}", "heading"
        return
    if name in _CODE:
        code = "".join(map(str, element.itertext())).strip("\n")
        if code.strip():
            yield fenced(code, element.get("language") or ""), "text"
        return
    text = paragraph(element)
    if not text or _is_packed(text):
        return
    if _is_item(element):
        yield "- " + text.replace("\n", "\n  "), "item"
    elif inner_elements(element) or len(text) > _VALUE or name in PARAGRAPHS:
        yield text, "text"
    else:
        yield f"{name}: {text}", "value"


def _is_cited(element: _Element) -> bool:
    """Tell whether a title is that of another work, in a list of sources."""
    parent = element.getparent()
    return parent is not None and local_name(parent) in _CITED


def _values(element: _Element) -> str:
    """Return the short texts that are all an element holds, each after its name."""
    names = [local_name(child) for child in inner_elements(element)]
    if _LIST_ITEMS.issuperset(names):
        return ""
    if _NAMES.issuperset(names):
        return " ".join(filter(None, map(plain_text, inner_elements(element))))
    values = []
    for child in inner_elements(element):
        name, text = local_name(child), plain_text(child)
        if inner_elements(child) or name in PARAGRAPHS or _TITLES.fullmatch(name):
            return ""
        if len(text) > _VALUE:
            return ""
        values += [f"{name} {text}"] if text else []
    line = "; ".join(values)
    return line if len(values) > 1 and len(line) <= 4 * _VALUE else ""


def _is_item(element: _Element) -> bool:
    """Tell whether an element is an item of a list, or the first part of one."""
    parent = element.getparent()
    first = element.getprevious() is None
    return local_name(element) in _LIST_ITEMS or (
        first and parent is not None and local_name(parent) in _LIST_ITEMS
    )


def _row(element: _Element) -> Iterator[tuple[str, str]]:
    cells = [plain_text(cell).replace("|", "\\|") for cell in inner_elements(element)]
    if not any(cells):
        return
    yield f"| {' | '.join(cells)} |", "row"
    if not any(local_name(before) in _ROWS for before in element.itersiblings(preceding=True)):
        parent = element.getparent()
        in_body = parent is not None and local_name(parent) == "tbody"
        heads = in_body and any(
            local_name(before) == "thead" for before in parent.itersiblings(preceding=True)
        )
        if not heads:
            yield "|" + " --- |" * len(cells), "row"


def _is_packed(text: str) -> bool:
    """Tell whether a text is bytes written as letters, such as an embedded picture."""
    head = text.strip()[:_PACKED]
    return len(head) >= _PACKED and max(map(len, head.split())) > 60 and head.isascii()
