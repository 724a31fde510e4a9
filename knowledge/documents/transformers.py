"""What is done with a file's passages after they are cut: metadata, and leaving some out.

A transformer is a name with options, as plain values, so that it can be sent to another process.
Metadata that all passages of a file get is kept with the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from knowledge.errors import DocumentError
from knowledge.model import Passage

_HEADING_LINE = re.compile(r"\s{0,3}#{1,6}(\s|$)|\s*(=+|-+)\s*$")

NEEDS_MODEL = frozenset({"keywords"})
"""Transformers that ask a chat model; they are not run here."""


@dataclass(frozen=True, slots=True)
class Transformer:
    """One step."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_model(self) -> bool:
        """True when it asks a chat model."""
        return self.name in NEEDS_MODEL


@dataclass(frozen=True, slots=True)
class Described:
    """A file's passages, and the metadata that all of them have."""

    passages: tuple[Passage, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        """Tell whether the file or one of its passages has a key."""
        return key in self.metadata or any(key in one.metadata for one in self.passages)

    def with_value(self, key: str, value: Any) -> Described:
        """Return a copy in which all passages have this value."""
        return Described(self._without(key), {**self.metadata, key: value})

    def without(self, key: str) -> Described:
        """Return a copy in which no passage has the key."""
        return Described(self._without(key), _dropped(self.metadata, key))

    def _without(self, key: str) -> tuple[Passage, ...]:
        return tuple(
            replace(one, metadata=_dropped(one.metadata, key)) if key in one.metadata else one
            for one in self.passages
        )


def transform(steps: Sequence[Transformer], described: Described) -> Described:
    """Apply steps in order.

    Raises
    ------
    DocumentError
        ``add`` names a key that is there already.
    """
    for step in steps:
        described = _STEPS[step.name](described, step.options)
    return described


def is_only_headings(text: str) -> bool:
    """Tell whether a text of Markdown holds headings and nothing below them."""
    lines = [line for line in text.splitlines() if line.strip()]
    underlined = {
        at
        for at in range(len(lines) - 1)
        if re.fullmatch(r"\s*(=+|-{2,})\s*", lines[at + 1]) and not _HEADING_LINE.match(lines[at])
    }
    return all(at in underlined or _HEADING_LINE.match(line) for at, line in enumerate(lines))


def _extra_metadata(described: Described, options: Mapping[str, Any]) -> Described:
    for key, value in options["metadata"].items():
        described = described.with_value(key, value)
    return described


def _metadata(described: Described, options: Mapping[str, Any]) -> Described:
    for change in options["manipulations"]:
        key, operator = change["key"], change["operator"]
        if operator == "remove":
            described = described.without(key)
            continue
        if operator == "add" and described.has(key):
            raise DocumentError(
                f"the flow adds the metadata {key!r}, which is there already",
                hint="The operator upsert replaces it",
            )
        described = described.with_value(key, change["value"])
    return described


def _with_content(described: Described, options: Mapping[str, Any]) -> Described:
    del options
    kept = [one for one in described.passages if not is_only_headings(one.text)]
    numbered = (replace(one, ordinal=ordinal) for ordinal, one in enumerate(kept))
    return Described(tuple(numbered), described.metadata)


_STEPS: Mapping[str, Callable[[Described, Mapping[str, Any]], Described]] = {
    "extra_metadata": _extra_metadata,
    "metadata": _metadata,
    "filter_markdown_docs_no_content": _with_content,
}


def _dropped(metadata: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != key}
