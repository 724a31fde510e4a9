"""A page of HTML: its text as Markdown and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.documents.webpages.blocks import blocks_of, joined
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
    return Page(joined(blocks), metadata)
