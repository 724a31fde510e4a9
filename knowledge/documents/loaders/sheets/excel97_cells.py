"""What the cells of a workbook of Excel 97 show besides their values, by xlrd ([MS-XLS])."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from knowledge.documents.loaders.office.looks import PLAIN, Line, Look
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font
from knowledge.documents.loaders.sheets.overlay import Overlay, Place
from knowledge.documents.loaders.sheets.percentages import decimals_of
from knowledge.text.cleaning import clean
from knowledge.text.marks import Script

_SCRIPTS = {1: Script.SUPER, 2: Script.SUB}
_ADDRESSES = ("url", "unc", "local file")


@dataclass(frozen=True, slots=True)
class _Style:
    decimals: int | None
    look: Look


class Excel97Cells:
    """The overlays of the sheets of an open workbook, which was opened with its formatting."""

    def __init__(self, book: Any) -> None:
        self._looks = [_look(font) for font in book.font_list]
        self._styles = dict(self._marked(book))

    def of(self, sheet: Any) -> Overlay:
        """Return that of a sheet."""
        overlay = Overlay()
        for place in _places(sheet) if self._styles else ():
            style = self._styles.get(sheet.cell_xf_index(*place))
            if style is None:
                continue
            if style.decimals is not None:
                overlay.decimals[place] = style.decimals
            if style.look != PLAIN:
                overlay.looks[place] = style.look
        for place, runs in sheet.rich_text_runlist_map.items():
            text = self._marked_text(sheet, place, runs)
            if text:
                overlay.texts[place] = text
                overlay.looks.pop(place, None)
        overlay.links = dict(_links(sheet))
        overlay.merged = [
            ((top, left), (bottom - 1, right - 1))
            for top, bottom, left, right in sheet.merged_cells
        ]
        overlay.comments = list(_comments(sheet))
        return overlay

    def _marked(self, book: Any) -> Iterator[tuple[int, _Style]]:
        """Yield the styles of cells that show percentages or have marks, by their numbers."""
        for number, style in enumerate(book.xf_list):
            format_ = book.format_map.get(style.format_key)
            decimals = decimals_of(format_.format_str) if format_ else None
            look = self._font(style.font_index)
            if decimals is not None or look != PLAIN:
                yield number, _Style(decimals, look)

    def _font(self, number: int) -> Look:
        return self._looks[number] if 0 <= number < len(self._looks) else PLAIN

    def _marked_text(self, sheet: Any, place: Place, runs: list[tuple[int, int]]) -> str:
        """Return a text with the marks of its runs; empty where none has any."""
        text = str(sheet.cell_value(*place))
        first = self._font(sheet.book.xf_list[sheet.cell_xf_index(*place)].font_index)
        pieces = [(0, first), *((start, self._font(font)) for start, font in runs)]
        if all(look == PLAIN for _, look in pieces):
            return ""
        line = Line()
        ends = [start for start, _ in pieces[1:]] + [len(text)]
        for (start, look), end in zip(pieces, ends, strict=True):
            line.add(text[start:end], look)
        return clean(line.text().replace("\n", " "))


def _places(sheet: Any) -> Iterator[Place]:
    return ((row, column) for row in range(sheet.nrows) for column in range(sheet.row_len(row)))


def _look(font: Any) -> Look:
    name = font.name if is_symbol_font(font.name) else ""
    return Look(_SCRIPTS.get(font.escapement, Script.BASE), bool(font.struck_out), name)


def _links(sheet: Any) -> Iterator[tuple[Place, str]]:
    for link in sheet.hyperlink_list:
        target = link.url_or_path
        if link.type in _ADDRESSES and isinstance(target, str) and link.frowx == link.lrowx:
            address = clean(f"{target}#{link.textmark}" if link.textmark else target)
            yield (link.frowx, link.fcolx), address.strip()


def _comments(sheet: Any) -> Iterator[str]:
    from xlrd.formula import cellname

    for place, note in sorted(sheet.cell_note_map.items()):
        text = " ".join(note.text.split())
        if text:
            author = note.author.strip()
            by = f" by {author}" if author and not text.startswith(author) else ""
            yield f"Comment{by} on {cellname(*place)}: {text}"
