"""What is said of a command line that can't be read: what is wrong, and what was perhaps meant."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import typer

from knowledge.errors import UsageError

FORMER = {
    "reset-datastore": "It is called `knowledge reset`.",
    "server": "It is called `knowledge serve`.",
    "--auto-migrate": "The data folder is upgraded automatically.",
    "--dedupe-func": "Files are compared by content; --force reads all of them again.",
    "--exit-on-failed-file": "A failed file does not stop the others; the exit code is 4.",
    "--index-dsn": "--data-dir names the folder in which everything is kept.",
    "--textsplitter-chunk-overlap": "It is called --chunk-overlap.",
    "--textsplitter-chunk-size": "It is called --chunk-size.",
    "--textsplitter-encoding-name": "Chunks are counted in tokens of cl100k_base.",
    "--textsplitter-model-name": "Chunks are counted in tokens of cl100k_base.",
    "--vector-dsn": "--data-dir names the folder in which everything is kept.",
}
"""Commands and options of an ancestor of this program, and what replaces them."""

_EXTRA = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", re.DOTALL)
_UNKNOWN = re.compile(r"No such (?:command|option):? '?([\w-]+)")


def usage_error(message: str, context: typer.Context | None) -> UsageError:
    """Return the error for the parser's message on a command line.

    Parameters
    ----------
    context:
        The command that was being parsed.
    """
    path = context.command_path if context is not None else "knowledge"
    message, _, near = message.rstrip(".").partition(" (Possible options: ")
    hints = [
        _hint(message, path, context) or _meant(message, near.rstrip(")").split(", ")),
        f"`{path} --help` shows the usage.",
    ]
    return UsageError(message, hint=" ".join(filter(None, hints)))


def _meant(message: str, near: Sequence[str]) -> str:
    """Return which option may be meant; the parser also compares the dashes, which all have."""
    unknown = _UNKNOWN.match(message)
    if unknown is None:
        return ""
    from difflib import get_close_matches

    found = get_close_matches(unknown[1].strip("-"), [one.strip("-") for one in near], 1)
    return f"Did you mean --{found[0]}?" if found else ""


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
    return f"Put several words in quotes: {path} {dashes}{shlex.quote(question)}."
