"""A command: a function, its options, and the flags that all commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from knowledge.cli.options.declared import Group
from knowledge.cli.options.flags import Flag
from knowledge.cli.render.paging import paged
from knowledge.cli.render.streams import OutputClosedError
from knowledge.cli.session import Interrupted, Session

COMMON = "Common options"
_LIVE = frozenset({"ask", "embed", "ingest", "reembed", "watch"})
"""Commands that print while they work, or only a few lines: they need no pager."""

_FLAGS: Mapping[str, tuple[type, Flag]] = {
    "json_output": (bool, Flag("--json", help="Print one JSON object.", panel=COMMON)),
    "quiet": (bool, Flag("--quiet", "-q", help="Print no notes and no progress.", panel=COMMON)),
    "verbose": (bool, Flag("--verbose", "-v", help="Print more details.", panel=COMMON)),
    "debug": (bool, Flag("--debug", help="Show a traceback with an error.", panel=COMMON)),
    "no_pager": (
        bool,
        Flag("--no-pager", help="Never show long output in a pager [PAGER].", panel=COMMON),
    ),
    "data_dir": (
        str,
        Flag(
            "--data-dir",
            help="Data folder [KNOW_DATA_DIR; default: the platform's].",
            panel=COMMON,
            metavar="DIR",
        ),
    ),
    "config_file": (
        str,
        Flag(
            "--config-file",
            "-c",
            help="Settings file instead of ./knowledge.yaml [KNOW_CONFIG_FILE].",
            panel=COMMON,
            metavar="FILE",
        ),
    ),
}


class Command:
    """A function with the parameters that a command line gives it.

    Parameters
    ----------
    function:
        It takes a :class:`Session` first. A parameter that is a request, or another group of
        declared options, becomes its options.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self.name = function.__name__
        self._groups: list[Group] = []
        own: list[inspect.Parameter] = []
        signature = inspect.signature(function, eval_str=True)
        for parameter in list(signature.parameters.values())[1:]:
            group = Group.of(parameter)
            if group is not None:
                self._groups.append(group)
            own += [parameter] if group is None else group.parameters()
        common = [_common(name, kind, flag) for name, (kind, flag) in _FLAGS.items()]
        keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        self.parameters = [*keyword, *common]
        """Those of a command line; each annotation says which flag or argument it is."""

    @property
    def help(self) -> str:
        """Its docstring, without the line breaks of paragraphs."""
        paragraphs = inspect.cleandoc(self._function.__doc__ or "").split("\n\n")
        return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)

    def run(self, **arguments: Any) -> None:
        """Run it with values for all of its parameters."""
        flags = {name: arguments.pop(name) for name in _FLAGS}
        del flags["debug"]  # read from the arguments: an error may come before they are parsed
        session = Session(json=flags.pop("json_output"), **flags)
        made = {group.name: group.made(arguments) for group in self._groups}
        wanted = not (session.json or session.no_pager or self.name in _LIVE)
        try:
            with paged(wanted=wanted):
                self._function(session, **arguments, **made)
        # A parser would turn these into exit codes of its own.
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BrokenPipeError as error:
            raise OutputClosedError from error


def _common(name: str, kind: type, flag: Flag) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[kind, flag] if kind is bool else Annotated[kind | None, flag],
        default=False if kind is bool else None,
    )
