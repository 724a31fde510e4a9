"""Options of what prints hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.requests import Request, option


@dataclass(frozen=True, slots=True)
class HitsOptions(Request):
    """How hits are printed."""

    output: str = option(
        "text, json, jsonl, markdown, xml, files, csv or gptscript.",
        default="text",
        metavar="FORMAT",
    )
    explain: bool = option("Explain each hit's score.", default=False)
    facets: Sequence[str] = option(
        "Count the values of this metadata among the hits; may be repeated.",
        default=(),
        metavar="KEY",
    )
    full: bool = option("Show complete passages on a terminal too.", default=False)
    fail_empty: bool = option("Exit with 3 when there are no hits.", default=False)
