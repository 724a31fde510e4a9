"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

FullOption = Annotated[bool, typer.Option("--full", help="Show passages whole on a terminal too.")]
FailEmptyOption = Annotated[
    bool, typer.Option("--fail-empty", help="Exit with 3 when there are no hits.")
]
UpdateMetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--update-metadata",
        help="Set this; an empty value, - or null removes it.",
        metavar="NAME=VALUE",
    ),
]
ReplaceMetadataOption = Annotated[
    list[str] | None,
    typer.Option("--replace-metadata", help="Set this and drop all else.", metavar="NAME=VALUE"),
]
ResetMetadataOption = Annotated[bool, typer.Option("--reset-metadata", help="Drop all metadata.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace datasets that have the name.")
]
ArchiveOption = Annotated[
    str | None,
    typer.Option(
        "--archive",
        help="Look into what `export` wrote, without importing it.",
        metavar="FILE",
    ),
]
OutputOption = Annotated[
    str,
    typer.Option(
        "--output",
        help="text, json, jsonl, markdown, xml, files or csv.",
        metavar="FORMAT",
    ),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say how each hit's score came about.")
]
