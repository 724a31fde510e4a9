"""Command lines without riddles: a known command, its options by name, its arguments in order.

Typer, the parser, takes as long to load as all else that a quick command does. It is needed for
help, for completion, and to say what is wrong with a line. What is plainly right is read here, as
Typer would read it; all else is left to it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from types import FunctionType
from typing import Any

from knowledge.cli.command import Command
from knowledge.cli.completion import VARIABLE
from knowledge.cli.options.flags import Argument, Flag, declared, value_type
from knowledge.cli.table import COMMANDS
from knowledge.cli.values import MOST, PLAIN, converted

_HELP = {"-h", "--help"}


class UnclearError(Exception):
    """A command line is for the parser."""


def plain_call(words: Sequence[str]) -> Callable[[], None] | None:
    """Return the call that a command line means; ``None`` where the parser must read it."""
    if not words or VARIABLE in os.environ or not _HELP.isdisjoint(words):
        return None
    target = next((entry.target for entry in COMMANDS if entry.name == words[0]), None)
    if target is None:
        return None
    module, _, name = target.partition(":")
    function = getattr(import_module(module), name)
    if not isinstance(function, FunctionType):
        return None  # a group of commands
    command = Command(function)
    try:
        arguments = read(command.parameters, words[1:])
    except UnclearError:
        return None
    return lambda: command.run(**arguments)


def read(parameters: Sequence[inspect.Parameter], words: Iterable[str]) -> dict[str, Any]:
    """Return the values that words give to parameters, by name.

    Raises
    ------
    UnclearError
        A word means nothing, is one too many or too few, or may be meant in another way.
    """
    flags = dict(_spellings(parameters))
    texts: dict[str, list[Any]] = {}
    in_order: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            in_order += rest
        elif word == "-" or not word.startswith("-"):
            in_order.append(word)
        else:
            name, value = _given_by_flag(flags, word, rest)
            texts.setdefault(name, []).append(value)
    texts |= _given_by_place(parameters, in_order)
    values = {one.name: _value(one, texts.get(one.name)) for one in parameters}
    if inspect.Parameter.empty in values.values():
        raise UnclearError
    return values


def _spellings(
    parameters: Iterable[inspect.Parameter],
) -> Iterator[tuple[str, tuple[str, bool | None]]]:
    """Yield each spelling of a flag with its parameter and what it means; ``None`` is a value."""
    for parameter in parameters:
        kind, said = declared(parameter.annotation)
        switch = value_type(kind)[0] is bool
        for name in said.names if isinstance(said, Flag) else ():
            yes, _, no = name.partition("/")
            yield yes, (parameter.name, True if switch else None)
            if no:
                yield no, (parameter.name, False)


def _given_by_flag(
    flags: Mapping[str, tuple[str, bool | None]], word: str, rest: Iterator[str]
) -> tuple[str, str | bool]:
    """Return which parameter a word with dashes is about, and its value, perhaps the next word."""
    flag, joined, value = word.partition("=")
    if flag not in flags or (joined and not flag.startswith("--")):
        raise UnclearError
    name, means = flags[flag]
    if means is not None:
        if joined:
            raise UnclearError
        return name, means
    if not joined:
        value = next(rest, "-")
        if value.startswith("-"):  # another flag, or a negative number
            raise UnclearError
    return name, value


def _given_by_place(
    parameters: Iterable[inspect.Parameter], words: Sequence[str]
) -> dict[str, list[str]]:
    """Return the words of each argument; only the last one may take several."""
    found: dict[str, list[str]] = {}
    left = list(words)
    for parameter in parameters:
        kind, said = declared(parameter.annotation)
        if left and isinstance(said, Argument):
            count = len(left) if value_type(kind)[1] else 1
            found[parameter.name], left = left[:count], left[count:]
    if left:
        raise UnclearError
    return found


def _value(parameter: inspect.Parameter, texts: Sequence[Any] | None) -> Any:
    """Return a parameter's value; its default where it has no texts."""
    if texts is None:
        return parameter.default
    kind, said = declared(parameter.annotation)
    kind, many = value_type(kind)
    least = said.minimum if isinstance(said, Flag) else None
    if kind not in PLAIN or (not many and len(texts) > 1):
        raise UnclearError
    try:
        found = [converted(one, kind, -MOST if least is None else least) for one in texts]
    except ValueError as error:
        raise UnclearError from error
    return found if many else found[0]
