"""Options of commands from what requests declare: one declaration, every command's flag."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from knowledge.cli.options.flags import Argument, Flag
from knowledge.requests import Option, Request
from knowledge.settings.pairs import metadata_pairs

PAIRS = "NAME=VALUE"
"""Stands for a mapping."""


class Without:
    """Fields of a request that a command sets by itself: ``Annotated[X, Without("y")]``."""

    def __init__(self, *names: str) -> None:
        self.names = names


class Group(NamedTuple):
    """A parameter of a command that is a request, or a group of options that sets settings.

    Parameters
    ----------
    name:
        The parameter's.
    kind:
        The dataclass.
    """

    name: str
    kind: type[Request]
    without: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameter: inspect.Parameter) -> Group | None:
        """Return the group that a parameter stands for; ``None`` for a plain one."""
        kind = parameter.annotation
        without: tuple[str, ...] = ()
        if get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            without = next((one.names for one in more if isinstance(one, Without)), ())
        if isinstance(kind, type) and issubclass(kind, Request) and is_dataclass(kind):
            return cls(parameter.name, kind, without)
        return None

    def _declared(self) -> Iterator[tuple[str, Any, Option]]:
        for name, default, option in self.kind.options():
            if option.flags is not None and name not in self.without:
                yield name, default, option

    def parameters(self) -> list[inspect.Parameter]:
        """Return a command's parameters for the fields, those of the class itself first."""
        own = self.kind.__annotations__
        types = {one.name: str(one.type) for one in fields(self.kind)}  # type: ignore[arg-type]
        declared = list(self._declared())
        first, rest = declared[:2], sorted(declared[2:], key=lambda one: one[0] not in own)
        return [
            _parameter(name, types[name], default, option)
            for name, default, option in (*first, *rest)
        ]

    def made(self, arguments: dict[str, Any]) -> Request:
        """Return the dataclass of a call's arguments, which are taken out of these."""
        given = {}
        for name, default, option in self._declared():
            if name not in arguments:
                continue
            value = arguments.pop(name)
            if option.off and isinstance(value, bool):
                value = False if value else default
            elif value is False and default is None and "/" not in "".join(option.flags or ()):
                value = None  # the flag was not given
            if value is not None and option.metavar == PAIRS:
                value = metadata_pairs(value, (option.flags or (f"--{name}",))[0])
            if value is not None:
                given[name] = value
        return self.kind(**given)


def _parameter(name: str, type_: str, default: Any, option: Option) -> inspect.Parameter:
    kind, unset = _cli_type(type_, default, option)
    said: Flag | Argument
    if option.positional:
        said = Argument(help=option.flag_help, metavar=option.metavar, show_default=False)
        unset = default if option.optional else inspect.Parameter.empty
    else:
        flags = option.flags or ("--" + name.replace("_", "-"),)
        said = Flag(*flags, help=option.flag_help, metavar=option.metavar, panel=option.panel)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, said], default=unset
    )


_TYPES: Mapping[str, Any] = {"int": int, "float": float, "StrPath": Path}


def _cli_type(written: str, default: Any, option: Option) -> tuple[Any, Any]:
    """Return the type that a field is read as, and what stands for "not given"."""
    if written.startswith("bool"):
        tri_state = any("/" in flag for flag in option.flags or ())
        return (bool | None, None) if tri_state else (bool, False)
    if option.metavar == PAIRS or ("Sequence[" in written and option.metavar != "LIST"):
        return (list[str] if option.positional else list[str] | None), None
    kind = _TYPES.get(written.split(" | ")[0], str)
    if default is None or option.positional:
        return (kind if option.positional else kind | None), None
    return kind, default
