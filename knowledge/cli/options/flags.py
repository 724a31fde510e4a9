"""What a command says of a parameter: that it is a flag, or an argument, and what help tells of it.

Whoever reads the command line makes of it what he needs, so that declaring options loads no parser.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin


class Flag:
    """A parameter that is given by name: ``Annotated[str, Flag("--into", help="…")]``.

    Parameters
    ----------
    names:
        Its spellings; ``--a/--no-a`` is a pair of which the second means false.
    panel:
        The heading it stands below in the help.
    minimum:
        The least number that it takes.
    """

    def __init__(
        self,
        *names: str,
        help: str,
        metavar: str | None = None,
        panel: str | None = None,
        minimum: float | None = None,
    ) -> None:
        self.names = names
        self.help = help
        self.metavar = metavar
        self.panel = panel
        self.minimum = minimum


class Argument:
    """A parameter that is given by its place."""

    def __init__(self, *, help: str, metavar: str | None = None, show_default: bool = True) -> None:
        self.help = help
        self.metavar = metavar
        self.show_default = show_default


def declared(annotation: Any) -> tuple[Any, Flag | Argument]:
    """Return the type of an annotated parameter, and what is said of it."""
    kind, *said = get_args(annotation)
    return kind, next(one for one in said if isinstance(one, Flag | Argument))


def value_type(kind: Any) -> tuple[Any, bool]:
    """Return the type of one value without ``None``, and whether there may be many of them."""
    given = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is list:
        return given[0], True
    if type(None) in get_args(kind):
        return value_type(given[0])
    return kind, False
