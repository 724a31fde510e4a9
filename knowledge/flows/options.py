"""The options of steps: their names, types and defaults, and reading them from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from knowledge.flows.nodes import Node
from knowledge.flows.problems import Problems, nearest

_MOST = 1e12
"""No number of a flow means anything beyond."""


class Kind(StrEnum):
    """What an option's value must be."""

    TEXT = "text"
    SECRET = "a secret"  # noqa: S105  says what it is
    WHOLE = "a whole number"
    NUMBER = "a number"
    YES_NO = "true or false"
    TEXTS = "a list of texts"
    VALUES = "a mapping of names to values"
    CHARACTER = "one character, or its number"
    MODEL = "a model"
    CHANGES = "a list of changes"
    RETRIEVERS = "a list of retrievers"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a step.

    Parameters
    ----------
    name:
        As the documentation writes it; upper and lower case do not matter in files.
    default:
        Its value where the file gives none.
    help:
        One sentence.
    minimum, maximum:
        Limits of a number, both allowed.
    choices:
        Allowed texts.
    required:
        True where there is no default.
    without_effect:
        Why the option changes nothing here; it is accepted, and the user is told.
    """

    name: str
    kind: Kind
    default: Any = None
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    without_effect: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key, and where it came from."""

    value: str
    environment: bool = False
    dotenv: bool = False

    def __repr__(self) -> str:
        return "********"


class _WrongValueError(Exception):
    """A value does not fit; the message completes "the option ..."."""


def read_option(option: Option, node: Node, problems: Problems) -> Any:
    """Return an option's value; a wrong one is noted, and gives the default."""
    try:
        value = _READERS[option.kind](node)
        _check(option, value)
    except _WrongValueError as error:
        said = str(error) or f"must be {option.kind}"
        problems.add(node.line, f"{option.name} {said}, not {node.kind}")
        return option.default
    if option.kind is Kind.SECRET and not (node.environment or node.dotenv):
        problems.notice(node.line, f"{option.name} stands in the file; ${{NAME}} keeps it out")
    if option.without_effect:
        problems.notice(node.line, f"{option.name} has no effect: {option.without_effect}")
    return value


def read_fields(node: Node, known: Iterable[str], what: str, problems: Problems) -> dict[str, Node]:
    """Return the values of a mapping by their known names; others are noted.

    Parameters
    ----------
    known:
        The names, as the documentation writes them.
    what:
        What the mapping is, for messages.
    """
    if node.value is None:
        return {}
    if not isinstance(node.value, Mapping):
        problems.add(node.line, f"{what} must be a mapping, not {node.kind}")
        return {}
    by_lower = {name.lower(): name for name in known}
    found: dict[str, Node] = {}
    for name, item in node.value.items():
        own = by_lower.get(name.lower())
        if own is None:
            problems.add(item.line, f"{what} has no {name!r}", nearest(name, known))
        elif own in found:
            problems.add(item.line, f"{own!r} stands here a second time")
        else:
            found[own] = item.node
    return found


def _text(node: Node) -> str:
    if isinstance(node.value, str | int | float) and not isinstance(node.value, bool):
        return str(node.value)
    raise _WrongValueError


def _secret(node: Node) -> Secret:
    return Secret(_text(node), bool(node.environment), bool(node.dotenv))


def _number(node: Node) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float | str):
        raise _WrongValueError
    try:
        value = float(node.value)  # a text in quotes may be one
    except (ValueError, OverflowError) as error:
        raise _WrongValueError from error
    if not abs(value) <= _MOST:
        raise _WrongValueError
    return value


def _whole(node: Node) -> int:
    value = _number(node)
    if not value.is_integer():
        raise _WrongValueError
    return int(value)


def _yes_no(node: Node) -> bool:
    if isinstance(node.value, bool):
        return node.value
    if str(node.value).lower() in ("true", "false"):
        return str(node.value).lower() == "true"
    raise _WrongValueError


def _texts(node: Node) -> tuple[str, ...]:
    if isinstance(node.value, tuple):
        return tuple(map(_text, node.value))
    return (_text(node),)


def _values(node: Node) -> dict[str, Any]:
    if not isinstance(node.value, Mapping):
        raise _WrongValueError
    values: dict[str, Any] = node.plain()
    for value in values.values():
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float | bool) for item in items):
            raise _WrongValueError("may hold texts, numbers, true, false, and lists of these")
    return values


def _character(node: Node) -> str:
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        if not 0 < node.value < 0x110000 or 0xD800 <= node.value < 0xE000:
            raise _WrongValueError
        return chr(node.value)
    text = {"\\t": "\t"}.get(str(node.value), str(node.value))
    if len(text) != 1 or text in "\r\n":
        raise _WrongValueError
    return text


_READERS: Mapping[Kind, Callable[[Node], Any]] = {
    Kind.TEXT: _text,
    Kind.SECRET: _secret,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _number,
    Kind.YES_NO: _yes_no,
    Kind.TEXTS: _texts,
    Kind.VALUES: _values,
    Kind.CHARACTER: _character,
}


def _check(option: Option, value: Any) -> None:
    if option.minimum is not None and value < option.minimum:
        raise _WrongValueError(f"must be at least {option.minimum:g}")
    if option.maximum is not None and value > option.maximum:
        raise _WrongValueError(f"must be at most {option.maximum:g}")
    if option.choices and value not in option.choices:
        raise _WrongValueError(f"must be one of {', '.join(option.choices)}")
