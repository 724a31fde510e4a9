"""``knowledge load``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from knowledge.cli.options.common import StdinNameOption
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.settings import PasswordOptions, ReadingOptions
from knowledge.cli.options.sources import warn_of_passwords
from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import SomeFilesFailedError, UsageError
from knowledge.model import FileStatus
from knowledge.records import documents as records
from knowledge.settings.pairs import metadata_pairs

if TYPE_CHECKING:
    from knowledge.ingestion.source_text import SourceText

STDIN_NAME = "stdin"
BREAK = "\n---docbreak---\n"


def load(
    session: Session,
    *,
    input_: Annotated[
        str,
        Argument(metavar="INPUT", help="A file or a URL; - is stdin.", show_default=False),
    ],
    output: Annotated[
        str, Argument(metavar="OUTPUT", help="The file to write; - is stdout.")
    ] = "-",
    format_: Annotated[
        str,
        Flag("--format", help="structured (JSON), markdown or text.", metavar="FORMAT"),
    ] = "structured",
    name: StdinNameOption = None,
    metadata: Annotated[
        list[str] | None,
        Flag("--metadata", help="Metadata to add.", metavar="NAME=VALUE"),
    ] = None,
    reading: ReadingOptions,
    passwords: PasswordOptions,
) -> None:
    """Print or write the text of one document, as ingest would read it.

    No dataset is needed or touched. The structured form can be ingested: it holds one document for
    each page, slide, sheet or member. Exit codes: 0 done, 1 unreadable, 3 no such file or page, 4 a
    part of it could not be read.

    Example:  knowledge load report.pdf - --format text
    """
    render = _renderer(format_)
    added = metadata_pairs(metadata or [], "--metadata")
    if name is not None and input_ != "-":
        raise UsageError("--name goes with - (standard input)")
    if output != "-" and (Path(output).is_dir() or output.endswith(("/", os.sep))):
        raise UsageError(f"OUTPUT {output} is a folder", hint="Name the file to write.")
    with session.open(reading) as kb:
        content = sys.stdin.buffer.read() if input_ == "-" else None
        told = name or STDIN_NAME if input_ == "-" else input_
        warn_of_passwords(session, passwords.passwords)
        text = kb.load(told, content=content, passwords=passwords.passwords)
    common = {**text.metadata, "source": text.source, **added}
    if output != "-":
        Path(output).write_text(render(text, common), encoding="utf-8", newline="\n")
    if session.json:
        session.print_json(records.loaded(text, common, None if output == "-" else output))
    elif output == "-":
        write(render(text, common))
    _tell(session, text)


def _tell(session: Session, text: SourceText) -> None:
    for problem in text.problems:
        place = f"{text.source}!/{problem.file}" if problem.file else text.source
        session.note(f"{problem.status}: {one_line(place)}: {problem.reason}")
    if any(problem.status == FileStatus.FAILED for problem in text.problems):
        raise Exit(SomeFilesFailedError.exit_code)


def _renderer(name: str) -> Callable[[SourceText, Mapping[str, Any]], str]:
    known = {"structured": _structured, "markdown": _markdown, "text": _text}
    if name.lower() not in known:
        raise UsageError(f"--format is one of {', '.join(known)}, not {name!r}")
    return known[name.lower()]


def _structured(text: SourceText, common: Mapping[str, Any]) -> str:
    return json_text(records.structured(text, common), indent=2) + "\n"


def _markdown(text: SourceText, common: Mapping[str, Any]) -> str:
    """Return the parts as Markdown, each behind a line with its metadata."""
    blocks = []
    for part in text.parts:
        told = json_text({**common, **part.metadata})
        blocks.append(f"!metadata {told}\n{part.content}")
    return BREAK.join(blocks) + "\n"


def _text(text: SourceText, _: Mapping[str, Any]) -> str:
    """Return the parts, each below its document's heading where that does not stand in it."""
    blocks: list[str] = []
    before: Sequence[str] = ()
    for part in text.parts:
        heading = part.metadata.get("heading") or ()
        if heading and heading != before and heading[-1] not in part.content:
            blocks.append(" > ".join(heading))
        blocks.append(part.content.strip("\n"))
        before = heading
    return "\n\n".join(blocks) + "\n"
