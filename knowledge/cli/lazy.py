"""Commands that are imported when they are called, so that help and completion start fast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from knowledge.cli.completion import complete_values
from knowledge.cli.plain_values import skip_pydantic
from knowledge.cli.quick_help import hide_flag_types, load_help_pages
from knowledge.cli.second_values import refuse_second_values
from knowledge.cli.session import command

HELP_FLAGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table of commands.

    Parameters
    ----------
    target:
        ``module:function``, or ``module:app`` for a group of commands.
    panel:
        The heading it stands under in the help.
    help:
        Its first sentence, as the function's docstring has it.
    """

    name: str
    target: str
    panel: str
    help: str


class PlainCommand(TyperCommand):
    """A command whose plain values need no pydantic, and which completes what we know."""

    def get_params(self, ctx: Any) -> Any:
        """Return its parameters."""
        parameters = hide_flag_types(super().get_params(ctx))
        return complete_values(skip_pydantic(parameters), self.name)

    def make_parser(self, ctx: Any) -> Any:
        """Return the parser, which refuses a second value where one counts."""
        parser = super().make_parser(ctx)
        refuse_second_values(parser, ctx)
        return parser

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        load_help_pages()
        super().format_help(ctx, formatter)


class LazyCommand(TyperCommand):
    """Stands for a command in lists; becomes the command when it is called."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help, rich_help_panel=entry.panel)
        self._entry = entry

    @cached_property
    def real(self) -> Any:
        """The command itself, or the group of commands."""
        module, _, name = self._entry.target.partition(":")
        target = getattr(import_module(module), name)
        if isinstance(target, typer.Typer):
            return typer.main.get_command(target)
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(self._entry.name, cls=PlainCommand, context_settings=HELP_FLAGS)(
            command(target)
        )
        return typer.main.get_command(alone)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Return the real command's context, which goes on with the real command."""
        return self.real.make_context(*arguments, **named)


class PlainGroup(TyperGroup):
    """A group whose plain flags need no pydantic, with the help of its commands."""

    def get_params(self, ctx: Any) -> Any:
        """Return the group's own flags."""
        return skip_pydantic(hide_flag_types(super().get_params(ctx)))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        load_help_pages()
        super().format_help(ctx, formatter)


class LazyGroup(PlainGroup):
    """A group whose commands are those of a table."""

    entries: tuple[Entry, ...] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {entry.name: LazyCommand(entry) for entry in self.entries}
