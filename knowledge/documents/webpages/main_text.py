"""The blocks of a page that its main text points at, and what belongs to them.

Lists of links, notes and headings belong to the text that they stand beside; a box of links in the
middle of a text does not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from knowledge.documents.webpages.blocks import Block, BlockKind, key_of
from knowledge.documents.webpages.phrases import is_standing_phrase
from knowledge.documents.webpages.zones import is_note

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_SAMPLE = 40
_SHORT = 25
_CONTAINER_SHARE = 0.85
_CLIMB = 60
_NOTE_DEPTH = 5
_NOTE = re.compile(r"caption|\bnote\b")
_WORD = re.compile(r"\w+")
_SOURCES = re.compile(
    r"(?:\d+(?:\.\d+)*\.? )?(?:see also|(?:further|external|useful) (?:reading|links|resources)"
    r"|references|bibliography|sources|literature|siehe auch|literatur|quellen|weblinks"
    r"|voir aussi|références|véase también|referencias)",
    re.IGNORECASE,
)
"""Headings of lists of links that an author adds to a text."""


class _Above(IntEnum):
    """What heading a block stands below."""

    NOTHING = 0
    HEADING = 1
    """One that is not known to be of the main text."""
    KEPT = 2
    SOURCES = 3
    """One of links that an author adds to a text."""


class MainText:
    """The blocks around the main text.

    Parameters
    ----------
    zones:
        The zone of each block, 0 for none.
    text:
        What trafilatura takes for the main text.
    """

    def __init__(self, blocks: Sequence[Block], zones: Sequence[int], text: str) -> None:
        self._blocks = blocks
        self._zones = zones
        self._key = key_of(text)
        self._lines = {key_of(line) for line in text.split("\n")}

    def blocks(self, title: str) -> list[Block]:
        """Return what the main text holds, and what belongs to it."""
        if not self._key:
            return []
        keep = [
            self._holds(block) and not is_furniture(block) and not (zone and is_links(block))
            for block, zone in zip(self._blocks, self._zones, strict=True)
        ]
        if not any(keep):
            return []
        self._fill(keep)
        self._lead(keep, set(_WORD.findall(title.lower())))
        return [block for block, kept in zip(self._blocks, keep, strict=True) if kept]

    def _holds(self, block: Block) -> bool:
        key = block.key
        if key in self._lines:
            return True
        if block.kind is BlockKind.TABLE:
            cells = [key_of(cell) for cell in block.text.split("|")]
            cells = [cell for cell in cells if len(cell) > 2][:500]
            return 2 * sum(cell in self._key for cell in cells) > len(cells)
        if len(key) < _SHORT:
            return False
        if len(key) < 2 * _SAMPLE:
            return key in self._key
        middle = len(key) // 2
        samples = (key[:_SAMPLE], key[middle : middle + _SAMPLE], key[-_SAMPLE:])
        return sum(sample in self._key for sample in samples) >= 2

    def _fill(self, keep: list[bool]) -> None:
        """Keep what stands between kept blocks in their part of the page."""
        kept = [block for block, here in zip(self._blocks, keep, strict=True) if here]
        around = container(kept)
        flow = {element for block in kept for element in _upwards(block.element)[1:]}
        first = keep.index(True)
        last = len(keep) - 1 - keep[::-1].index(True)
        above = _Above.NOTHING  # lists of links below a heading of the main text belong to it
        for index, block in enumerate(self._blocks):
            if block.kind is BlockKind.HEADING or _names_sources(block):
                above = self._heading(index, keep, around)
                keep[index] |= above is _Above.SOURCES
            elif not keep[index]:
                goes_on = self._goes_on(index, keep) or above > _Above.HEADING
                inside = first < index < last or goes_on or _is_in_note(block)
                if inside and not self._zones[index] and is_inside(block, around):
                    listed = block.kind is BlockKind.ITEM and (
                        goes_on or (above is _Above.HEADING and _stands_in(block, flow))
                    )
                    own = listed or above is _Above.SOURCES or not is_links(block)
                    keep[index] = own and not is_furniture(block)
                above = above if keep[index] else _Above.NOTHING
        self._keep_headings(keep, around)

    def _heading(self, index: int, keep: list[bool], container: HtmlElement) -> _Above:
        block = self._blocks[index]
        if self._zones[index] or not is_inside(block, container):
            return _Above.KEPT if keep[index] else _Above.NOTHING
        if _names_sources(block):
            return _Above.SOURCES
        if keep[index]:
            return _Above.KEPT
        return _Above.NOTHING if is_furniture(block) else _Above.HEADING

    def _goes_on(self, index: int, keep: list[bool]) -> bool:
        """Tell whether a block behind the last kept one is of the same parent."""
        if index == 0 or not keep[index - 1]:
            return False
        mine, before = self._blocks[index].element, self._blocks[index - 1].element
        same_list = mine.tag == before.tag and mine.getparent() is before.getparent()
        return same_list and mine.tag in ("p", "li", "dd", "dt", "tr")

    def _keep_headings(self, keep: list[bool], container: HtmlElement) -> None:
        follows = False
        for index in range(len(keep) - 1, -1, -1):
            block = self._blocks[index]
            if block.kind is not BlockKind.HEADING:
                follows = keep[index]
            elif follows and not self._zones[index] and is_inside(block, container):
                keep[index] = True

    def _lead(self, keep: list[bool], title: set[str]) -> None:
        """Keep the page's main heading where it stands above the kept text, apart from it."""
        for index in range(keep.index(True) - 1, -1, -1):
            block = self._blocks[index]
            if block.element.tag == "h1":
                words = set(_WORD.findall(block.text.lower()))
                keep[index] = not title or 2 * len(words & title) >= len(words)
                return


def container(blocks: Sequence[Block]) -> HtmlElement:
    """Return the innermost element that holds nearly all of the text of some blocks."""
    sizes: dict[HtmlElement, int] = defaultdict(int)
    for block in blocks:
        for element in _upwards(block.element):
            sizes[element] += len(block.key)
    largest = max(blocks, key=lambda block: len(block.key))
    share = _CONTAINER_SHARE * size_of(blocks)
    for element in _upwards(largest.element):
        if sizes[element] >= share:
            return element
    return element


def _upwards(element: HtmlElement) -> list[HtmlElement]:
    chain: list[HtmlElement] = []
    node: HtmlElement | None = element
    while node is not None and len(chain) < _CLIMB:
        chain.append(node)
        node = node.getparent()
    return chain


def is_inside(block: Block, container: HtmlElement) -> bool:
    """Tell whether a block stands in an element."""
    return any(element is container for element in _upwards(block.element))


def _stands_in(block: Block, flow: set[HtmlElement]) -> bool:
    """Tell whether the list of an item stands beside the text, and not in a box of its own."""
    lists = [node for node in _upwards(block.element) if node.tag in ("ul", "ol")]
    parent = lists[-1].getparent() if lists else None
    return parent is not None and (parent in flow or parent.tag == "section")


def _names_sources(block: Block) -> bool:
    return block.kind in (BlockKind.HEADING, BlockKind.TEXT) and bool(
        _SOURCES.fullmatch(block.text.strip("# :"))
    )


def _is_in_note(block: Block) -> bool:
    return any(map(is_note, _upwards(block.element)[:_NOTE_DEPTH]))


def is_links(block: Block) -> bool:
    """Tell whether a block is links for the greater part, and no caption."""
    element = block.element
    named = f"{element.tag} {element.get('class') or ''} {element.get('role') or ''}"
    return 2 * block.links > len(block.key) and not _NOTE.search(named)


def is_furniture(block: Block) -> bool:
    """Tell whether a block is nothing but a button's label or a standing phrase."""
    if block.kind in (BlockKind.CODE, BlockKind.TABLE):
        return False
    return is_standing_phrase(block.text, heading=block.kind is BlockKind.HEADING)


def size_of(blocks: Sequence[Block]) -> int:
    """Count the letters and digits of blocks."""
    return sum(len(block.key) for block in blocks)
