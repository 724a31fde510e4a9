"""The command line as Typer reads it: help, completion, and what is wrong with a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from knowledge.cli.lazy import HELP_FLAGS, LazyGroup
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Interrupted
from knowledge.cli.table import COMMANDS
from knowledge.cli.usage import usage_error
from knowledge.errors import UsageError

OVERVIEW = """\
Ingest documents, retrieve cited passages; offline unless you choose otherwise.

  knowledge ingest ./docs          bring a dataset up to date with files
  knowledge retrieve "a question"  the passages that answer it (or: search)
  knowledge open 1                 the document behind the first of them
  knowledge ask "a question"       an answer by a chat model, with its sources
  knowledge watch ./docs           follow each change
  knowledge list-datasets          what there is (or: ls)
  knowledge list-files             the files of a dataset, or those it lacks
  knowledge status                 counts, sizes, the last runs
  knowledge config                 every setting, and where it comes from
  knowledge doctor                 what is wrong; --fix repairs it

knowledge help lists all commands, knowledge help COMMAND explains one.
--json, --quiet, --verbose, --data-dir and --config-file may stand before the
command or after it.
"""


def overview(width: int) -> str:
    """Return the first commands; on a narrow terminal what each does stands below it."""
    import textwrap

    lines: list[str] = []
    for line in OVERVIEW.splitlines():
        command, _, does = line.strip().partition("  ")
        does = does.strip()
        if len(line) <= width:
            lines.append(line)
        elif does:
            indent = " " * 6
            below = textwrap.wrap(does, width, initial_indent=indent, subsequent_indent=indent)
            lines += [f"  {command}", *below]
        else:
            lines += textwrap.wrap(line, width)
    return "\n".join(lines) + "\n"


class Commands(LazyGroup):
    """The commands of the table."""

    entries = COMMANDS


app = typer.Typer(
    cls=Commands,
    name="knowledge",
    help="Ingest documents, retrieve cited passages. Offline, on OpenAI, Azure or your own server."
    "\n\nExample:  knowledge ingest ./docs  &&  knowledge retrieve 'How do I rotate the key?'",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    # Typer would colour two sentences past our consoles.
    context_settings={**HELP_FLAGS, "color": False},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", "-V", help="Print the version and exit."),
) -> None:
    """Show the first commands when none is named."""
    if show_version:
        from knowledge.cli.commands.setup.version import version_line

        write(version_line() + "\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        import shutil

        write(overview(shutil.get_terminal_size().columns))


# Typer carries its own copy of click, whose names it does not export.
_BadUsage = typer.BadParameter.__base__
_AnyClickError: Any = _BadUsage.__base__ if _BadUsage else None


def run_parsed(arguments: Sequence[str]) -> int:
    """Run a command line that Typer reads, and return the exit code.

    Raises
    ------
    UsageError
        It can't be read.
    """
    try:
        code = app(args=list(arguments), prog_name="knowledge", standalone_mode=False)
    except typer.Abort as error:
        raise Interrupted from error
    except _AnyClickError as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message:
            return UsageError.exit_code  # no command was named: the help has been shown
        raise usage_error(message, getattr(error, "ctx", None)) from error
    return code if isinstance(code, int) else 0
