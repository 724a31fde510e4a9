"""Commands of two words, such as ``knowledge models list``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from knowledge.cli.lazy import HELP_FLAGS, PlainCommand, PlainGroup, for_typer
from knowledge.cli.render.terminal import write


def group(name: str, help_text: str, commands: Mapping[str, Callable[..., None]]) -> typer.Typer:
    """Return a group of commands; each gets the common flags as any other command does.

    Parameters
    ----------
    commands:
        Functions by the second word; each takes a `Session` first.
    """
    app = typer.Typer(
        cls=PlainGroup,
        name=name,
        help=help_text,
        add_completion=False,
        no_args_is_help=False,
        rich_markup_mode="rich",
        context_settings=HELP_FLAGS,
    )

    @app.callback(invoke_without_command=True, help=help_text)
    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            write(context.get_help() + "\n")

    for word, function in commands.items():
        app.command(word, cls=PlainCommand, context_settings=HELP_FLAGS)(for_typer(function))
    return app
