"""Commands that are imported when they are called, so that help and completion start fast."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from knowledge.cli.command import Command
from knowledge.cli.completion import complete_values
from knowledge.cli.options.flags import Argument, declared
from knowledge.cli.plain_values import skip_pydantic
from knowledge.cli.quick_help import hide_flag_types, load_help_pages
from knowledge.cli.second_values import refuse_second_values
from knowledge.cli.spelling import spelled
from knowledge.cli.table import Entry

HELP_FLAGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


def for_typer(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command as a function whose parameters are annotated as Typer wants them."""
    command = Command(function)

    def run(**arguments: Any) -> None:
        command.run(**arguments)

    parameters = [one.replace(annotation=_annotation(one)) for one in command.parameters]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__name__, run.__doc__ = command.name, command.help
    return run


def _annotation(parameter: inspect.Parameter) -> Any:
    kind, said = declared(parameter.annotation)
    shown: dict[str, Any] = {"help": spelled(said.help), "metavar": said.metavar}
    if isinstance(said, Argument):
        return Annotated[kind, typer.Argument(**shown, show_default=said.show_default)]
    pair = "/" in said.names[0]
    return Annotated[
        kind,
        typer.Option(
            *said.names,
            **shown,
            rich_help_panel=said.panel,
            min=said.minimum,
            show_default=not pair,
        ),
    ]


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
            for_typer(target)
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
