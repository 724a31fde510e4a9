"""A page of HTML: its text as Markdown and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.webpages.blocks import Block, BlockKind, blocks_of
from knowledge.documents.webpages.main import own_blocks
from knowledge.documents.webpages.metadata import metadata_of
from knowledge.documents.webpages.tree import parse, without_tags


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_page(html: str, *, full: bool = False) -> Page:
    """Read a page, or a fragment of one, as Markdown.

    Parameters
    ----------
    full:
        Keep the whole page: navigation, banners, footers and what is hidden.
    """
    root = parse(html)
    if root is None:
        text = without_tags(html)
        warnings = ("its elements nest too deep to be told apart",) if text else ()
        return Page(text, {}, warnings)
    metadata = metadata_of(root)
    blocks = blocks_of(root, everything=full)
    if not blocks and not full:
        blocks = blocks_of(root, everything=True)
    elif not full:
        blocks = own_blocks(blocks, root, metadata.get("title", ""))
    return Page(_joined(_once(blocks)), metadata)


def _once(blocks: list[Block]) -> list[Block]:
    """Leave out a heading that stands right above: some themes give it again for printing."""
    pairs = zip([None, *blocks], blocks, strict=False)
    return [
        block
        for above, block in pairs
        if above is None or block.kind is not BlockKind.HEADING or above.text != block.text
    ]


def _joined(blocks: list[Block]) -> str:
    """Return the text of blocks, items of a list on neighbouring lines."""
    parts: list[str] = []
    before = None
    for block in blocks:
        tight = before is not None and (
            (block.kind is BlockKind.ITEM and before.kind is BlockKind.ITEM)
            or (block.element.tag == "dd" and before.element.tag == "dt")
        )
        if before is not None:
            parts.append("\n" if tight else "\n\n")
        parts.append(block.text)
        before = block
    return "".join(parts)
