"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from knowledge.cli.options.flags import Argument, Flag
from knowledge.requests import Request, option

NameArgument = Annotated[str, Argument(metavar="NAME", help="The dataset.")]
NameOrAllArgument = Annotated[
    str | None, Argument(metavar="[NAME]", help="The dataset; default: all.")
]
StdinNameOption = Annotated[
    str | None, Flag("--name", help="Name of the document on stdin.", metavar="NAME")
]
YesOption = Annotated[bool, Flag("--yes", "-y", help="Do not ask.")]
OverwriteOption = Annotated[
    bool, Flag("--overwrite", help="Replace existing datasets of the same name.")
]
ArchiveOption = Annotated[
    str | None,
    Flag(
        "--archive",
        help="Search an exported archive without importing it.",
        metavar="FILE",
    ),
]


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
