"""How an error is shown: a sentence and a remedy for people, one object for programs."""

from __future__ import annotations

import sys

from knowledge.cli.render.json_output import print_object
from knowledge.cli.spelling import spell
from knowledge.errors import KnowledgeError
from knowledge.records import errors as records
from knowledge.text.escaping import flat


def show_error(error: KnowledgeError, *, json: bool) -> None:
    """Print an error: as JSON to stdout, or as text to stderr; fields are spelled as flags."""
    spell(error)
    if json:
        print_object(records.error(error))
        return
    from knowledge.cli.render.terminal import error_console

    console = error_console()
    console.print(f"[bold red]error[/] \\[{error.code}]: ", end="")
    console.print(flat(error.message), markup=False, highlight=False, soft_wrap=True)
    if error.hint:
        console.print("[bold]hint[/]: ", end="")
        console.print(flat(error.hint), markup=False, highlight=False, soft_wrap=True)
    sys.stderr.flush()
