"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

FullOption = Annotated[
    bool, typer.Option("--full", help="Show complete passages on a terminal too.")
]
FailEmptyOption = Annotated[
    bool, typer.Option("--fail-empty", help="Exit with 3 when there are no hits.")
]
UpdateMetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--update-metadata",
        help="Set a value; an empty value, - or null removes it.",
        metavar="NAME=VALUE",
    ),
]
ReplaceMetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--replace-metadata", help="Set a value and remove all others.", metavar="NAME=VALUE"
    ),
]
ResetMetadataOption = Annotated[bool, typer.Option("--reset-metadata", help="Remove all metadata.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing datasets of the same name.")
]
ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        help="Search an exported archive without importing it.",
        metavar="FILE",
    ),
]
OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        help="text, json, jsonl, markdown, xml, files, csv or gptscript.",
        metavar="FORMAT",
    ),
]
FacetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--facets",
        help="Count the values of this metadata among the hits; may be repeated.",
        metavar="KEY",
    ),
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Explain each hit's score.")]
