"""Chooses the blocks of a page that are its own text.

`trafilatura` finds the main text, but loses headings, lists, captions and tables on the way. So
its text only points at the blocks to keep: those that it holds, and what stands between them in
the same part of the page. Navigation, banners and the like go first (see
`knowledge.documents.loaders.web.zones`), and where it finds too little, all that is left is kept.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from knowledge.documents.loaders.web.blocks import Block
from knowledge.documents.loaders.web.main_text import (
    MainText,
    container,
    is_furniture,
    is_inside,
    is_links,
    may_lead_away,
    size_of,
)
from knowledge.documents.loaders.web.zones import Zone, uncover

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LARGE = 30_000
"""Elements of a page above which, and depth below which, only zones choose: time and recursion."""
_DEEP = 150
_ENOUGH = 0.25
_LEAST = 200
_OWN_SHARE = 0.5
_LONG = 60


def own_blocks(blocks: Sequence[Block], root: HtmlElement, title: str = "") -> list[Block]:
    """Return the blocks that are the page's own text, in order.

    Parameters
    ----------
    root:
        The page's tree; spans of table cells, and what hides panels, are dropped from it.
    title:
        The page's title, by which its main heading is known.
    """
    zones = _real_zones(blocks)
    left = [block for block in blocks if _zone(block, zones) != Zone.HARD]
    plain = [block for block in left if not _zone(block, zones) and not is_furniture(block)]
    if len(plain) == len(blocks) and not any(map(may_lead_away, blocks)):
        return plain  # nothing on the page seems to be anything but text
    main = MainText(left, [_zone(block, zones) for block in left], _main_text(root)).blocks(title)
    if size_of(main) >= max(_LEAST, _ENOUGH * size_of(plain)):
        return main
    return _around(plain) or left or list(blocks)


def _around(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks inside the element that holds nearly all text, and long ones outside it.

    Menus without a telling name stand apart from the text, as do short notes in the margin.
    """
    text = [block for block in blocks if not is_links(block)]
    if not text:
        return list(blocks)
    holder = container(text)
    return [
        block
        for block in blocks
        if is_inside(block, holder)
        or block.element.tag == "h1"
        or (len(block.key) >= _LONG and not is_links(block))
    ]


def _real_zones(blocks: Sequence[Block]) -> set[int]:
    """Return the zones that do not hold most of the page: names of classes may mislead."""
    sizes: dict[int, int] = defaultdict(int)
    for block in blocks:
        for number, _ in block.zones:
            sizes[number] += len(block.key)
    limit = _OWN_SHARE * size_of(blocks)
    return {number for number, size in sizes.items() if size <= limit}


def _zone(block: Block, zones: set[int]) -> int:
    return max((kind for number, kind in block.zones if number in zones), default=0)


def _main_text(root: HtmlElement) -> str:
    """Return what trafilatura takes for the main text; nothing where it fails."""
    if _is_too_large(root):
        return ""
    from lxml import etree

    for cell in root.iter("td", "th"):  # it believes every span, and a few claim millions of cells
        for name in ("rowspan", "colspan"):
            cell.attrib.pop(name, None)
    uncover(root)
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
