"""What the cells of an XLSX workbook show besides their values (ISO/IEC 29500-1, section 18)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

from knowledge.documents.loaders.office.looks import PLAIN, Line, Look
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font
from knowledge.documents.loaders.office.xml_package import (
    Package,
    local_name,
    main_part,
    parse_xml,
    reference,
)
from knowledge.documents.loaders.sheets.overlay import Overlay, Place
from knowledge.documents.loaders.sheets.percentages import BUILT_IN, decimals_of
from knowledge.errors import DocumentError
from knowledge.text.marks import Script

_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*)>")
_PLACE = re.compile(rb'\b(?:r|ref)="([A-Z]{1,3})(\d{1,7})')
_STYLE = re.compile(rb'\bs="(\d{1,6})"')
_FORMULA = rb"<(?:\w+:)?c\s([^>]*)>\s*<(?:\w+:)?f\b"
_UNSAVED = re.compile(
    _FORMULA + rb"[^>]*?(?:/>|>([^<]*)</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_ENDS_UNSAVED = re.compile(
    rb"/(?:\w+:)?f?>(?:\s*<(?:\w+:)?v(?:\s*/>|>\s*</(?:\w+:)?v>))?\s*</(?:\w+:)?c>"
)
"""The end of a formula that has no result, which is soon looked for."""
_ADDRESSED = re.compile(_FORMULA + rb'[^>]*>\s*HYPERLINK\((?:"|&quot;)([^"<]*?)(?:"|&quot;)')
_ERROR = re.compile(
    rb'<(?:\w+:)?c\s([^>]*\bt="e"[^>]*)>(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?v>([^<]+)<', re.DOTALL
)
_INLINE = re.compile(rb"<c\s([^>]*)>\s*<is>(.*?)</is>", re.DOTALL)
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\s([^>]*)>")
_TARGET = re.compile(rb'\b\w+:id="([^"]+)"')
STRINGS = "xl/sharedstrings.xml"
"""The part that holds the texts of most cells, as `Package` names it."""
_MARKS = re.compile(rb"vertAlign|<(?:\w+:)?strike|Symbol|ings\b|ings [23]|Dingbats")
_WORDS = (b"vertAlign", b"strike", b"Symbol", b"ings", b"Dingbats")
"""One of these stands wherever `_MARKS` does."""
_RAISED = {"superscript": Script.SUPER, "subscript": Script.SUB}


@dataclass(frozen=True, slots=True)
class _Style:
    """What a style of cells says: digits of a percentage, and marks."""

    decimals: int | None
    look: Look


class OoxmlCells:
    """The overlays of a workbook's sheets; none for other files than XLSX."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._styles = dict(_styles(package))
        self._parts = dict(_parts(package))

    def of(self, sheet: str) -> Overlay:
        """Return that of a sheet."""
        overlay = Overlay()
        part = self._parts.get(sheet, "")
        data = self._package.read(part) if part else None
        if data:
            self._take_styles(data, overlay)
            _take_formulas(data, overlay)
            _take_marked(data, overlay)
            self._take_links(part, data, overlay)
        return overlay

    def _take_styles(self, data: bytes, overlay: Overlay) -> None:
        for cell in _CELL.finditer(data) if self._styles else ():
            number = _STYLE.search(cell[1])
            style = self._styles.get(int(number[1])) if number else None
            place = _place(cell[1]) if style else None
            if style is None or place is None:
                continue
            if style.decimals is not None:
                overlay.decimals[place] = style.decimals
            if style.look != PLAIN:
                overlay.looks[place] = style.look

    def _take_links(self, part: str, data: bytes, overlay: Overlay) -> None:
        found = _LINK.findall(data) if b"hyperlink" in data else []
        relations = self._package.relations(part) if found else {}
        for attributes in found:
            identity, place = _TARGET.search(attributes), _place(attributes)
            relation = relations.get(identity[1].decode()) if identity else None
            if place and relation is not None and relation.external and relation.target[:1] != "#":
                overlay.links[place] = relation.target


def _take_formulas(data: bytes, overlay: Overlay) -> None:
    if b't="e"' in data:
        for attributes, error in _ERROR.findall(data):
            _put(overlay.texts, attributes, unescape(error.decode("utf-8", "replace")))
    if b"HYPERLINK(" in data:
        for attributes, target in _ADDRESSED.findall(data):
            _put(overlay.links, attributes, unescape(target.decode("utf-8", "replace")))
    if (b"<f" in data or b":f" in data) and _ENDS_UNSAVED.search(data):
        for attributes, formula in _UNSAVED.findall(data):
            shown = unescape(formula.decode("utf-8", "replace")).strip()
            _put(overlay.texts, attributes, f"={shown}" if shown else "=…")
            overlay.unsaved += 1


def _put(found: dict[Place, str], attributes: bytes, text: str) -> None:
    place = _place(attributes)
    if place is not None:
        found[place] = " ".join(text.split())


def _take_marked(data: bytes, overlay: Overlay) -> None:
    """Take texts with marks that stand in their cells."""
    if b"inlineStr" not in data or not _may_have_marks(data):
        return
    for attributes, content in _INLINE.findall(data):
        item = parse_xml(b"<is>" + content + b"</is>") if _MARKS.search(content) else None
        text = _marked_text(item) if item is not None else ""
        if text:
            _put(overlay.texts, attributes, text)


def _may_have_marks(data: bytes) -> bool:
    """Tell whether a part may hold text with marks, which stand in properties; most hold none."""
    return (
        b"rPr" in data and any(word in data for word in _WORDS) and _MARKS.search(data) is not None
    )


def _marked_text(item: Any) -> str:
    """Return a text of runs with its marks; empty where it has none."""
    runs = [child for child in item if local_name(child) == "r"]
    looks = [_look(_properties(run)) for run in runs]
    if all(look == PLAIN for look in looks):
        return ""
    line = Line()
    for run, look in zip(runs, looks, strict=True):
        line.add("".join(e.text or "" for e in run if local_name(e) == "t"), look)
    return line.text()


def marked_strings(package: Package) -> bytes | None:
    """Return the workbook's strings with their marks in plain text; ``None`` where none has any."""
    data = package.read(STRINGS)
    if data is None or not _may_have_marks(data):
        return None
    from lxml import etree

    root = package.tree(STRINGS)
    changed = False
    for item in root if root is not None else ():
        text = _marked_text(item)
        if text:
            changed = True
            for child in list(item):
                item.remove(child)
            etree.SubElement(item, f"{item.tag.rpartition('}')[0]}}}t").text = text
    return etree.tostring(root, encoding="utf-8", xml_declaration=True) if changed else None


def _properties(run: Any) -> Any:
    return next((child for child in run if local_name(child) == "rPr"), ())


def _look(font: Any) -> Look:
    """Return the look of a font, of a style or of a run."""
    script, struck, name = Script.BASE, False, ""
    for child in font:
        kind, value = local_name(child), child.get("val", "")
        if kind == "vertAlign":
            script = _RAISED.get(value, Script.BASE)
        elif kind == "strike":
            struck = value not in ("0", "false")
        elif kind in ("name", "rFont") and is_symbol_font(value):
            name = value
    return Look(script, struck, name)


def _styles(package: Package) -> Iterator[tuple[int, _Style]]:
    """Yield the styles of cells that show percentages or have marks, by their numbers."""
    root = package.tree("xl/styles.xml")
    if root is None:
        return
    lists = {local_name(child): child for child in root}
    formats = {e.get("numFmtId", ""): e.get("formatCode", "") for e in lists.get("numFmts", ())}
    looks = [_look(font) for font in lists.get("fonts", ())]
    used = (e for e in lists.get("cellXfs", ()) if local_name(e) == "xf")
    for number, style in enumerate(used):
        key, font = style.get("numFmtId", ""), style.get("fontId", "")
        built_in = BUILT_IN.get(int(key), "") if key.isdigit() else ""
        decimals = decimals_of(formats.get(key, built_in))
        look = looks[int(font)] if font.isdigit() and int(font) < len(looks) else PLAIN
        if decimals is not None or look != PLAIN:
            yield number, _Style(decimals, look)


def _parts(package: Package) -> Iterator[tuple[str, str]]:
    """Yield name and part of each sheet."""
    try:
        main = main_part(package, "xl/workbook.xml")
    except DocumentError:
        return
    root, relations = package.tree(main), package.relations(main)
    for element in root.iter() if root is not None else ():
        relation = relations.get(reference(element)) if local_name(element) == "sheet" else None
        if relation is not None and not relation.external:
            yield str(element.get("name", "")), relation.target


def _place(attributes: bytes) -> Place | None:
    found = _PLACE.search(attributes)
    return (int(found[2]) - 1, _column(found[1])) if found else None


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
