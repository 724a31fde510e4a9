"""What the cells of an OpenDocument sheet show besides their values (ODF 1.3 part 3, section 9)."""

from __future__ import annotations

import io
import re
from typing import Any

from knowledge.documents.loaders.office.looks import PLAIN, flat
from knowledge.documents.loaders.office.opendocument import OdfStyles, OdfText
from knowledge.documents.loaders.office.xml_package import Package, attribute, local_name
from knowledge.documents.loaders.sheets.overlay import Overlay, Place

_MARKS = (
    *(b'value-type="percentage"', b"number-rows-spanned", b"<text:a ", b"annotation"),
    *(b'value-type="error"', b'string-value=""'),
)
_UNSAVED = re.compile(rb"table:formula=\"[^\"]*\"(?![^>]*value)[^>]*/>")
_STYLE_MARKS = re.compile(
    rb'text-position="(?!0%)|line-through-(?:style|type)="(?!none)'
    rb'|font-(?:name|family)="[^"]{0,3}(?:Symbol|Wingdings|Webdings)'
)
_BODY = b"<office:body"
_DIGITS = re.compile(r"\d[.,](\d+)\s*%")
_PREFIX = re.compile(r"^\w+:(?==)")
_COMMENT = "> Comment"
_MOST_REPEATED = 10_000
_HERE = (0, 0)
_SHOWN_AS_TEXT = frozenset({"span", "a"})


class OpenDocumentCells:
    """The overlays of a workbook's sheets; none for other files than OpenDocument."""

    def __init__(self, package: Package) -> None:
        content = package.read("content.xml") or b""
        self._sheets: dict[str, Overlay] = {}
        styles = package.read("styles.xml") or b""
        head = content[: max(content.find(_BODY), 0)] or content
        if _has_marks(content) or any(map(_STYLE_MARKS.search, (head, styles))):
            self._styles = OdfStyles(package.tree("styles.xml"), _styles_of(content))
            self._read(content)

    def of(self, sheet: str) -> Overlay:
        """Return that of a sheet."""
        return self._sheets.get(sheet) or Overlay()

    def _read(self, content: bytes) -> None:
        from lxml import etree

        rows, overlay = 0, Overlay()
        steps = etree.iterparse(
            io.BytesIO(content), events=("start", "end"), recover=True, resolve_entities=False
        )
        for event, element in steps:
            name = local_name(element)
            if name == "table" and event == "start":
                rows, overlay = 0, Overlay()
                self._sheets[attribute(element, "name")] = overlay
            elif name == "table-row" and event == "end":
                times = repeated(element, "rows")
                self._row(element, rows, min(times, _MOST_REPEATED), overlay)
                rows += times
                element.clear()

    def _row(self, row: Any, first: int, times: int, overlay: Overlay) -> None:
        column = 0
        for cell in row:
            width = repeated(cell, "columns")
            if local_name(cell) == "table-cell":
                found = Overlay()
                self._cell(cell, found)
                overlay.comments += found.comments
                for place in (
                    (y, x)
                    for y in range(first, first + times)
                    for x in range(column, column + min(width, _MOST_REPEATED))
                ):
                    _put(found, place, overlay)
                down = _spanned(cell, "rows")
                if down > 1:
                    overlay.merged.append(((first, column), (first + down - 1, column)))
            column += width

    def _cell(self, cell: Any, found: Overlay) -> None:
        """Take what one cell shows, as if it stood at the first place."""
        kind = attribute(cell, "value-type")
        if kind == "percentage":
            digits = _DIGITS.search("".join(cell.itertext()))
            found.decimals[_HERE] = len(digits[1]) if digits else 0
        look = self._styles.of_cell(cell)
        if look != PLAIN:
            found.looks[_HERE] = look
        names = {local_name(element) for element in cell.iter()}
        formula = attribute(cell, "formula")
        if formula and not len(cell) and not any(key.endswith("value") for key in cell.attrib):
            found.texts[_HERE] = _PREFIX.sub("", formula)
            found.unsaved += 1
        elif kind in ("string", "error") and (names & _SHOWN_AS_TEXT or formula):
            blocks = [b for b in OdfText(self._styles).blocks(cell) if not b.startswith(_COMMENT)]
            if flat(blocks):
                found.texts[_HERE] = flat(blocks)
        if "annotation" in names:
            blocks = [b for b in OdfText(self._styles).blocks(cell) if b.startswith(_COMMENT)]
            found.comments += [block.removeprefix("> ") for block in blocks]


def _put(found: Overlay, place: Place, overlay: Overlay) -> None:
    """Put what one cell shows at a place of its sheet."""
    if _HERE in found.decimals:
        overlay.decimals[place] = found.decimals[_HERE]
    if _HERE in found.texts:
        overlay.texts[place] = found.texts[_HERE]
    if _HERE in found.looks:
        overlay.looks[place] = found.looks[_HERE]
    overlay.unsaved += found.unsaved


def _has_marks(content: bytes) -> bool:
    """Tell whether a file may show more than values; most show no more."""
    if any(mark in content for mark in _MARKS):
        return True
    return b":formula=" in content and _UNSAVED.search(content) is not None


def _styles_of(content: bytes) -> Any:
    """Return a root that has the styles of a file, without its cells."""
    from lxml import etree

    end = content.find(_BODY)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    return etree.fromstring(content[:end] if end > 0 else content, parser)


def _spanned(cell: Any, what: str) -> int:
    text = attribute(cell, f"number-{what}-spanned")
    return int(text) if text.isdigit() and len(text) < 9 else 1


def repeated(element: Any, what: str) -> int:
    """Return how many ``rows`` or ``columns`` an element stands for."""
    times = attribute(element, f"number-{what}-repeated")
    return int(times) if times.isdigit() and len(times) < 9 else 1
