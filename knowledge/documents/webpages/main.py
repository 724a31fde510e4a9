"""Chooses the blocks of a page that are its own text.

`trafilatura` finds the main text, but loses headings, lists, captions and tables on the way. So
its text only points at the blocks to keep: those that it holds, and what stands between them in
the same part of the page. Navigation, banners and the like go first (see
`knowledge.documents.webpages.zones`), and where it finds too little, all that is left is kept.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from knowledge.documents.webpages.blocks import Block, BlockKind, key_of
from knowledge.documents.webpages.zones import Zone

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LARGE = 30_000
"""Elements of a page above which, and depth below which, only zones choose: time and recursion."""
_DEEP = 150
_ENOUGH = 0.25
_LEAST = 200
_SAMPLE = 40
_SHORT = 25
_OWN_SHARE = 0.5
_CONTAINER_SHARE = 0.85
_CLIMB = 60
_NOTE = re.compile(r"caption|\bnote\b")
_WORD = re.compile(r"\w+")
_PHRASES = (
    r"(?:share|like|follow|join|find) (?:this|us|on|it).{0,30}|email this|print this.{0,20}|pin it"
    r"|read more|continue reading|(?:show|load|see|view) (?:more|all)|learn more|more info"
    r"|skip to .{0,30}|back to top|edit this page|all rights reserved|(?:copyright|©|\(c\)).{0,80}"
    r"|leave a (?:reply|comment)|post a comment|\d+ comments?|you (?:may|might) also like.{0,20}"
    r"|(?:related|recommended|popular) (?:articles|posts|stories|content|links|topics|reading)"
    r"|(?:we|this (?:web)?site) uses? cookies.{0,200}|accept(?: all)? cookies"
    r"|sign up (?:for|to) .{0,60}newsletter.{0,60}|subscribe to .{0,60}"
)
_WORDS = (
    "share|tweet|print|email|advertisement|sponsored|sign up|sign in|log ?in|subscribe|edit|loading"
    "|menu|search|close|home|previous|next|comments?|reply|report|likes?|accept|dismiss|skip"
)
_END = r"[\s.…:!»›→|]*"
_STANDING_PHRASE = re.compile(rf"(?:{_PHRASES}){_END}", re.IGNORECASE)
_BUTTON = re.compile(rf"(?:{_PHRASES}|{_WORDS}){_END}", re.IGNORECASE)


def own_blocks(blocks: Sequence[Block], root: HtmlElement, title: str = "") -> list[Block]:
    """Return the blocks that are the page's own text, in order.

    Parameters
    ----------
    root:
        The page's tree; spans of table cells are dropped from it.
    title:
        The page's title, by which its main heading is known.
    """
    zones = _real_zones(blocks)
    left = [block for block in blocks if _zone(block, zones) != Zone.HARD]
    plain = [block for block in left if not _zone(block, zones) and not _is_furniture(block)]
    main = _Main(left, zones, _main_text(root)).blocks(title)
    if _size(main) >= max(_LEAST, _ENOUGH * _size(plain)):
        return main
    return plain or left or list(blocks)


def _real_zones(blocks: Sequence[Block]) -> set[int]:
    """Return the zones that do not hold most of the page: names of classes may mislead."""
    sizes: dict[int, int] = defaultdict(int)
    for block in blocks:
        for number, _ in block.zones:
            sizes[number] += len(block.key)
    limit = _OWN_SHARE * _size(blocks)
    return {number for number, size in sizes.items() if size <= limit}


def _zone(block: Block, zones: set[int]) -> int:
    return max((kind for number, kind in block.zones if number in zones), default=0)


def _size(blocks: Sequence[Block]) -> int:
    return sum(len(block.key) for block in blocks)


def _is_furniture(block: Block) -> bool:
    """Tell whether a block is nothing but a button's label or a standing phrase."""
    if block.kind in (BlockKind.CODE, BlockKind.TABLE):
        return False
    phrase = _STANDING_PHRASE if block.kind is BlockKind.HEADING else _BUTTON
    return len(block.text) < _LEAST and phrase.fullmatch(block.text.strip("-*#> ")) is not None


def _main_text(root: HtmlElement) -> str:
    """Return what trafilatura takes for the main text; nothing where it fails."""
    if _is_too_large(root):
        return ""
    from lxml import etree

    for cell in root.iter("td", "th"):  # it believes every span, and a few claim millions of cells
        for name in ("rowspan", "colspan"):
            cell.attrib.pop(name, None)
    try:
        text = _trafilatura().extract(
            root, output_format="txt", include_comments=False, include_tables=True
        )
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, etree.Error):
        return ""  # odd pages break it; the zones choose then
    return text or ""


@cache
def _trafilatura() -> ModuleType:
    """Return the library, which else tells standard error about pages without main text."""
    import trafilatura

    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    return trafilatura


def _is_too_large(root: HtmlElement) -> bool:
    from lxml import etree

    depth = 0
    for count, (event, _) in enumerate(etree.iterwalk(root, events=("start", "end"))):
        depth += 1 if event == "start" else -1
        if depth > _DEEP or count > 2 * _LARGE:
            return True
    return False


class _Main:
    """The blocks around the main text."""

    def __init__(self, blocks: Sequence[Block], zones: set[int], text: str) -> None:
        self._blocks = blocks
        self._zones = [_zone(block, zones) for block in blocks]
        self._key = key_of(text)
        self._lines = {key_of(line) for line in text.split("\n")}

    def blocks(self, title: str) -> list[Block]:
        """Return what the main text holds, and what belongs to it."""
        if not self._key:
            return []
        keep = [self._holds(block) and not _is_furniture(block) for block in self._blocks]
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
        container = self._container(keep)
        first = keep.index(True)
        last = len(keep) - 1 - keep[::-1].index(True)
        titled = False  # a list of links below a heading of the main text belongs to it
        for index, block in enumerate(self._blocks):
            if block.kind is BlockKind.HEADING or keep[index]:
                titled = keep[index] and (titled or block.kind is BlockKind.HEADING)
                continue
            inside = first < index < last or self._goes_on(index, keep) or titled
            if inside and not self._zones[index] and _is_inside(block, container):
                listed = titled and block.kind is BlockKind.ITEM
                keep[index] = (listed or not _is_links(block)) and not _is_furniture(block)
            titled = titled and keep[index]
        self._keep_headings(keep, container)

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
            elif follows and not self._zones[index] and _is_inside(block, container):
                keep[index] = True

    def _container(self, keep: list[bool]) -> HtmlElement:
        """Return the innermost element that holds nearly all of the kept text."""
        sizes: dict[HtmlElement, int] = defaultdict(int)
        kept = [block for block, here in zip(self._blocks, keep, strict=True) if here]
        for block in kept:
            for element in _upwards(block.element):
                sizes[element] += len(block.key)
        largest = max(kept, key=lambda block: len(block.key))
        share = _CONTAINER_SHARE * _size(kept)
        for element in _upwards(largest.element):
            if sizes[element] >= share:
                return element
        return element

    def _lead(self, keep: list[bool], title: set[str]) -> None:
        """Keep the page's main heading where it stands above the kept text, apart from it."""
        for index in range(keep.index(True) - 1, -1, -1):
            block = self._blocks[index]
            if block.element.tag == "h1":
                words = set(_WORD.findall(block.text.lower()))
                keep[index] = not title or 2 * len(words & title) >= len(words)
                return


def _upwards(element: HtmlElement) -> list[HtmlElement]:
    chain: list[HtmlElement] = []
    node: HtmlElement | None = element
    while node is not None and len(chain) < _CLIMB:
        chain.append(node)
        node = node.getparent()
    return chain


def _is_inside(block: Block, container: HtmlElement) -> bool:
    return any(element is container for element in _upwards(block.element))


def _is_links(block: Block) -> bool:
    element = block.element
    named = f"{element.tag} {element.get('class') or ''} {element.get('role') or ''}"
    return 2 * block.links > len(block.key) and not _NOTE.search(named)
