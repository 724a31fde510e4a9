"""The part that all commands share: common flags, settings, streams and the knowledge base."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from knowledge.cli.render.json_output import print_object
from knowledge.cli.render.paging import show_held
from knowledge.cli.spelling import spelled
from knowledge.errors import UsageError
from knowledge.text.escaping import flat

if TYPE_CHECKING:
    from knowledge.cli.options.places import ServerOptions
    from knowledge.cli.options.settings import DatasetOptions
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.requests import Request
    from knowledge.settings.reading import Settings


class Interrupted(BaseException):
    """Ctrl-C was pressed."""


class Exit(BaseException):
    """A command has ended, with an exit code and nothing more to say."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Session:
    """One command's run.

    Parameters
    ----------
    json:
        Print one JSON object instead of text.
    quiet, verbose:
        Print less, or more, on stderr.
    data_dir, config_file:
        Values of the flags.
    no_pager:
        Never show long output in a pager.
    """

    json: bool
    quiet: bool
    verbose: bool
    data_dir: str | None
    config_file: str | None = None
    no_pager: bool = False

    def settings(self, **flags: Any) -> Settings:
        """Read the settings, overridden by flags."""
        from knowledge.settings.reading import Settings

        settings = Settings.read(data_dir=self.data_dir, config_file=self.config_file, **flags)
        for warning in settings.warnings:
            self.note(warning)
        return settings

    def open(self, *groups: Request, archive: str | None = None) -> KnowledgeBase:
        """Open the knowledge base, or the datasets of an archive.

        Parameters
        ----------
        groups:
            Options that set settings.
        """
        settings = self.settings(**_flags_of(groups))
        if settings["server"] and self.data_dir is None:
            raise UsageError(
                f"{settings.values['server'].source} names a server, which this command can't ask",
                hint="Name a data folder with `data_dir`, or leave the server out.",
            )
        return self._opened(settings, archive)

    def open_or_connect(
        self,
        server: ServerOptions,
        *groups: Request,
        dataset: DatasetOptions | None = None,
        archive: str | None = None,
    ) -> KnowledgeBase:
        """Open the knowledge base, or connect to the server that is named.

        Parameters
        ----------
        groups:
            Options that set settings, which a server decides by itself.
        dataset:
            The one that a server takes.

        Raises
        ------
        UsageError
            An option is given that only a data folder has.
        """
        taken = (server,) if dataset is None else (server, dataset)
        settings = self.settings(**_flags_of((*groups, *taken)))
        if not settings["server"] or (self.data_dir is not None and server.server is None):
            return self._opened(settings, archive)
        flags = {**_flags_of(groups), "archive": archive, "data_dir": self.data_dir}
        given = [name for name, value in flags.items() if value is not None]
        if given:
            raise UsageError(f"`{given[0]}` does not go with `server`, which decides it by itself")
        from knowledge.client import RemoteKnowledgeBase

        return cast("KnowledgeBase", RemoteKnowledgeBase(settings, notify=self.note))

    def _opened(self, settings: Settings, archive: str | None) -> KnowledgeBase:
        from knowledge.knowledge_base import KnowledgeBase

        kb = KnowledgeBase(settings, notify=self.note)
        return kb if archive is None else kb.of_archive(archive)

    @property
    def on_terminal(self) -> bool:
        """True when a person reads the results; FORCE_COLOR says so of a pipe."""
        return not self.json and (sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR")))

    def note(self, text: str) -> None:
        """Print a note on stderr, except with ``--quiet``."""
        if not self.quiet:
            from knowledge.cli.render.terminal import error_console

            show_held()
            error_console().print(flat(spelled(text)), style="dim", markup=False, soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal, and return whether the answer was yes."""
        import typer

        try:
            return typer.confirm(question, err=True)
        except typer.Abort as error:
            raise Interrupted from error

    def suggest(self, command: str) -> None:
        """Suggest the next command, on a terminal."""
        if self.on_terminal and not self.quiet:
            from knowledge.cli.render.terminal import error_console

            show_held()
            error_console().print("[dim]Next:[/] ", end="")
            error_console().print(flat(command), markup=False, soft_wrap=True)

    def print_json(self, record: Mapping[str, Any]) -> None:
        """Print one object to stdout."""
        print_object(record)


def _flags_of(groups: Iterable[Request]) -> dict[str, Any]:
    """Return the settings that options set, by name."""
    return {
        declared.setting: getattr(group, name)
        for group in groups
        for name, _, declared in group.options()
    }
