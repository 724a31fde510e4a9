"""The commands as the code describes them: what docs/cli.md and the man page are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from knowledge.cli.command import COMMON
from knowledge.cli.lazy import Entry, LazyCommand
from knowledge.cli.table import COMMANDS

_EXAMPLE = re.compile(r"(?P<told>[^:]*): {2}(?P<line>\S.*)")


@dataclass(frozen=True)
class Parameter:
    """An argument or an option; ``spelling`` is as it is typed."""

    spelling: str
    help: str


@dataclass(frozen=True)
class Command:
    """A command; ``examples`` are (what for, command line)."""

    name: str
    panel: str
    usage: str
    paragraphs: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]


def commands() -> Iterator[Command]:
    """Yield all commands in the order of the help; groups as their commands."""
    for entry in COMMANDS:
        real = LazyCommand(entry).real
        if hasattr(real, "commands"):
            for word, command in real.commands.items():
                yield _described(entry, f"{entry.name} {word}", command)
        else:
            yield _described(entry, entry.name, real)


def common_options() -> list[Parameter]:
    """Return the options that every command has."""
    real = LazyCommand(COMMANDS[0]).real
    return [_parameter(one) for one in real.params if _is_common(one)]


def _described(entry: Entry, name: str, command: Any) -> Command:
    told = [part for part in command.help.split("\n\n") if part.strip()]
    examples = tuple(
        (match["told"], match["line"]) for match in map(_EXAMPLE.fullmatch, told) if match
    )
    paragraphs = tuple(part for part in told if not _EXAMPLE.fullmatch(part))
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    placeholders = " ".join(one.metavar or one.name.upper() for one in arguments)
    return Command(
        name,
        entry.panel,
        f"knowledge {name} [OPTIONS] {placeholders}".rstrip(),
        paragraphs,
        examples,
        tuple(Parameter(one.metavar or one.name.upper(), one.help or "") for one in arguments),
        tuple(_parameter(one) for one in options if not _is_common(one)),
    )


def _is_common(parameter: Any) -> bool:
    return getattr(parameter, "rich_help_panel", None) == COMMON


def _parameter(option: Any) -> Parameter:
    flags = sorted(option.opts, key=lambda flag: (flag.startswith("--"), flag))
    spelling = ", ".join([*flags, *option.secondary_opts])
    if not option.is_flag:
        spelling += f" {option.metavar or option.name.upper()}"
    return Parameter(spelling, option.help or "")
