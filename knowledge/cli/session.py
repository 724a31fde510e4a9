"""The part that all commands share: common flags, settings, streams and the knowledge base."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from knowledge.cli.options.declared import Group
from knowledge.cli.render.json_output import print_object
from knowledge.cli.render.paging import paged, show_held
from knowledge.cli.render.streams import OutputClosedError
from knowledge.cli.spelling import spelled
from knowledge.errors import UsageError
from knowledge.text.escaping import flat

if TYPE_CHECKING:
    from knowledge.cli.options.places import ServerOptions
    from knowledge.cli.options.settings import DatasetOptions
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.requests import Request
    from knowledge.settings.reading import Settings

COMMON = "Common options"
_LIVE = frozenset({"ask", "embed", "ingest", "reembed", "watch"})
"""Commands that print while they work, or only a few lines: they need no pager."""


class Interrupted(BaseException):
    """Ctrl-C was pressed."""


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


_FLAGS: dict[str, Any] = {
    "json_output": Annotated[
        bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=COMMON)
    ],
    "quiet": Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print no notes and no progress.", rich_help_panel=COMMON
        ),
    ],
    "verbose": Annotated[
        bool, typer.Option("--verbose", "-v", help="Print more details.", rich_help_panel=COMMON)
    ],
    "debug": Annotated[
        bool,
        typer.Option("--debug", help="Show a traceback with an error.", rich_help_panel=COMMON),
    ],
    "no_pager": Annotated[
        bool,
        typer.Option(
            "--no-pager",
            help="Never show long output in a pager [PAGER].",
            rich_help_panel=COMMON,
        ),
    ],
    "data_dir": Annotated[
        str | None,
        typer.Option(
            "--data-dir",
            help="Data folder [KNOW_DATA_DIR; default: the platform's].",
            rich_help_panel=COMMON,
            metavar="DIR",
        ),
    ],
    "config_file": Annotated[
        str | None,
        typer.Option(
            "--config-file",
            "-c",
            help="Settings file instead of ./knowledge.yaml [KNOW_CONFIG_FILE].",
            rich_help_panel=COMMON,
            metavar="FILE",
        ),
    ],
}


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the common flags; it gets them as a :class:`Session`, its first argument.

    A parameter that is a request, or another group of declared options, becomes its options.
    """
    signature = inspect.signature(function, eval_str=True)
    own: list[inspect.Parameter] = []
    groups: list[Group] = []
    for parameter in list(signature.parameters.values())[1:]:
        group = Group.of(parameter)
        if group is not None:
            groups.append(group)
        own += [parameter] if group is None else group.parameters()
    common = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=None if name in ("data_dir", "config_file") else False,
        )
        for name, annotation in _FLAGS.items()
    ]

    def run(**arguments: Any) -> None:
        flags = {name: arguments.pop(name) for name in _FLAGS}
        del flags["debug"]  # read from the arguments: an error may come before they are parsed
        session = Session(json=flags.pop("json_output"), **flags)
        made = {group.name: group.made(arguments) for group in groups}
        wanted = not (session.json or session.no_pager or function.__name__ in _LIVE)
        try:
            with paged(wanted=wanted):
                function(session, **arguments, **made)
        # Typer would turn these into exit codes of its own.
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BrokenPipeError as error:
            raise OutputClosedError from error

    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    run.__signature__ = signature.replace(parameters=[*keyword, *common])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*keyword, *common]}
    # Typer keeps line breaks, but the docstring's are not meant for the terminal's width.
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    run.__doc__ = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
    run.__name__ = function.__name__
    return run
