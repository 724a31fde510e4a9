"""Markdown: as it is, with the metadata of its front matter."""

from __future__ import annotations

import re
from typing import Any

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.metadata import plain_metadata
from knowledge.documents.loading import Source
from knowledge.files.bounded_data import DataError, parse_yaml
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import drop_inline_data

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_LIMIT = 64 * 1024
_FIRST_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def load(source: Source) -> Document:
    """Read Markdown; its lines are the file's."""
    text, warnings = decode(source.data)
    text = drop_inline_data(text)  # no line break goes with it
    metadata: dict[str, Any] = {}
    matter = _FRONT_MATTER.match(text[:_LIMIT])
    if matter:
        metadata, problem = _parse(matter[1])
        warnings += problem
    heading = _FIRST_HEADING.search(text[:_LIMIT])
    if heading:
        metadata.setdefault("title", heading[1].strip())
    return Document(
        text,
        TextKind.MARKDOWN,
        has_lines=True,
        metadata=metadata,
        loader="markdown",
        warnings=warnings,
    )


def _parse(matter: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        content = parse_yaml(matter)
    except DataError as error:
        return {}, (f"its front matter can't be read as YAML: {error}",)
    return plain_metadata(content), ()
