"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

from knowledge.cli.options.flags import Argument, Flag

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
