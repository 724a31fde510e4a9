"""What is said of a command line that can't be read: what is wrong, and what was perhaps meant."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    import typer

FORMER = {
    "reset-datastore": "It is called `knowledge reset`.",
    "server": "There is none; every command has --json.",
    "--auto-migrate": "The data folder is brought up to date by itself.",
    "--dedupe-func": "Files are compared by content; --force reads all again.",
    "--exit-on-failed-file": "A failed file stops no other; the exit code is 4.",
    "--index-dsn": "--data-dir names the folder in which all is kept.",
    "--server": "There is none; --data-dir names the folder in which all is kept.",
    "--textsplitter-chunk-overlap": "It is called --chunk-overlap.",
    "--textsplitter-chunk-size": "It is called --chunk-size.",
    "--textsplitter-encoding-name": "Chunks are counted in tokens of cl100k_base.",
    "--textsplitter-model-name": "Chunks are counted in tokens of cl100k_base.",
    "--vector-dsn": "--data-dir names the folder in which all is kept.",
}
"""Commands and options of an ancestor of this program, and what is there instead."""

_EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", re.DOTALL)
_UNKNOWN = re.compile(r"No such (?:command|option):? '?([\w-]+)")


def usage_error(message: str, context: typer.Context | None) -> UsageError:
    """Return the error for what the parser says of a command line.

    Parameters
    ----------
    context:
        The command that was being read.
    """
    path = context.command_path if context is not None else "knowledge"
    hints = [_hint(message, path, context), f"`{path} --help` shows how."]
    return UsageError(message.rstrip("."), hint=" ".join(filter(None, hints)))


def _hint(message: str, path: str, context: typer.Context | None) -> str:
    unknown = _UNKNOWN.match(message)
    if unknown is not None:
        return FORMER.get(unknown[1], "")
    rest = _EXTRA.match(message)
    first = None if context is None else context.params.get("query")
    if rest is None or not isinstance(first, str):
        return ""
    question = f"{first} {rest[1]}"
    dashes = "-- " if question.startswith("-") else ""
    return f"Several words go in quotes: {path} {dashes}{shlex.quote(question)}."
