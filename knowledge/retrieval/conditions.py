"""Conditions on the metadata of files and chunks, as ``where`` writes them.

    year >= 2020 and (team = support or tags contains vpn)

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "(" condition ")" | name "exists" | name sign value
               | name ("in" | "nin") "(" value { "," value } ")"
    sign       = "=" | "!=" | "<" | "<=" | ">" | ">=" | "contains"

``==``, ``<>``, ``≠``, ``≤`` and ``≥`` mean what they mean elsewhere, and curly quotes are quotes.
Names and values that hold spaces, brackets, commas or signs stand in single or double quotes, in
which a backslash takes the next character as it is. The old form ``name=value``, in which both may
hold spaces, still works as a whole.

Numbers compare as numbers, all else as text, so dates must be ISO dates. A list passes when one of
its items does. ``!=`` and ``nin`` are the opposites of ``=`` and ``in``: metadata without the name
passes them.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from knowledge.errors import UsageError
from knowledge.model import Metadata
from knowledge.text.wording import shortened

MAX_DEPTH = 100


def condition_of(where: Mapping[str, Any] | str | Sequence[str] | None) -> Condition | None:
    """Return the condition that a ``where`` means; ``None`` when it asks for nothing.

    Parameters
    ----------
    where:
        Names with the values that they must have, one condition as text, or several that must all
        hold.

    Raises
    ------
    UsageError
        A text is no condition; the message names the place.
    """
    if not where:
        return None if where is None or not isinstance(where, str) else parse(where)
    if isinstance(where, str):
        return parse(where)
    parts: list[Condition]
    if isinstance(where, Mapping):
        parts = [Comparison(name, "=", (text_of(value),)) for name, value in where.items()]
    else:
        parts = [parse(text) for text in where]
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def parse(text: str) -> Condition:
    """Return the condition that a text writes.

    Raises
    ------
    UsageError
        It is none; the message names the place.
    """
    try:
        return _Parser(text).parse()
    except UsageError:
        old = _OLD_FORM.fullmatch(text)
        if old is None:
            raise
        return Comparison(old["name"].strip(), "=", (old["value"],))


_WORDS = ("and", "or", "in", "nin", "contains", "exists")
_OLD_FORM = re.compile(
    rf"(?!.*(?<!\S)({'|'.join(_WORDS)})(?!\S))(?P<name>[^=<>!()\"]*[^\s=<>!()\"])=(?P<value>[^<>!()\"]*)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign><=|>=|!=|<>|==|[=<>≠≤≥])|(?P<mark>[(),])
    |"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'
    |[“”„](?P<curly>(?:[^“”\\]|\\.)*)[“”]
    |(?P<word>[^\s()=<>≠≤≥!,"']+)|(?P<end>$)|(?P<wrong>.))""",
    re.VERBOSE | re.DOTALL,
)
_SIGNS = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">="}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


class _Parser:
    """Recursive descent over the grammar that the module's docstring shows."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._tokens = deque(self._token(match) for match in _TOKEN.finditer(text))

    def _token(self, match: re.Match[str]) -> _Token:
        kind = match.lastgroup or "end"
        text, place = match[kind], match.start(kind) + 1
        if kind == "wrong":
            quote = text in "\"'"
            self._fail("this quote has no end" if quote else f"{text!r} can't stand here", place)
        if kind in ("double", "single", "curly"):
            return _Token("quoted", re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL), place - 1)
        if kind == "word" and text.lower() in _WORDS:
            kind, text = "keyword", text.lower()
        elif kind == "sign":
            text = _SIGNS.get(text, text)
        return _Token(kind, text, place)

    def parse(self) -> Condition:
        found = self._any()
        if self._next.kind != "end":
            self._fail("expected 'and', 'or' or the end")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[0]

    def _take(self, *texts: str) -> bool:
        """Step over the next token when it is one of these signs, marks or keywords."""
        if self._next.kind in ("sign", "mark", "keyword") and self._next.text in texts:
            self._tokens.popleft()
            return True
        return False

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Condition:
        if not self._take("("):
            return self._comparison()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} brackets inside each other")
        found = self._any()
        if not self._take(")"):
            self._fail("expected ')'")
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        name = self._literal("a name")
        sign = self._next.text
        if self._take("exists"):
            return Comparison(name, sign, ())
        if self._take("in", "nin"):
            return Comparison(name, sign, self._list())
        if not self._take("=", "!=", "<", "<=", ">", ">=", "contains"):
            self._fail("expected = != < <= > >= in nin contains or exists")
        return Comparison(name, sign, (self._literal("a value"),))

    def _list(self) -> tuple[str, ...]:
        if not self._take("("):
            self._fail("expected '(' and a list, such as (1, 2)")
        values = [self._literal("a value")]
        while self._take(","):
            values.append(self._literal("a value"))
        if not self._take(")"):
            self._fail("expected ',' or ')'")
        return tuple(values)

    def _literal(self, wanted: str) -> str:
        if self._next.kind not in ("word", "quoted"):
            self._fail(f"expected {wanted}")
        return self._tokens.popleft().text

    def _fail(self, what: str, place: int | None = None) -> NoReturn:
        at = self._next.place if place is None else place
        raise UsageError(
            f"`where` {shortened(repr(self._text))}: {what} at character {at}",
            hint="Write it such as: year >= 2020 and (team = support or tags contains vpn)",
        )


class Condition(Protocol):
    """Something that metadata passes or not; equal conditions are equal objects."""

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of several conditions."""

    parts: tuple[Condition, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        return all(part.holds(metadata) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several conditions at least."""

    parts: tuple[Condition, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        return any(part.holds(metadata) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One name, one sign, and the values it is compared with: none for ``exists``."""

    name: str
    sign: str
    values: tuple[str, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        found = metadata.get(self.name)
        if self.sign == "exists":
            return found is not None
        if self.sign in ("!=", "nin"):
            return not self._any(found, _equal)
        return self._any(found, _TESTS[self.sign])

    def _any(self, found: Any, test: Callable[[Any, str], bool]) -> bool:
        items = found if isinstance(found, list) else [found]
        return any(test(item, value) for item in items if item is not None for value in self.values)


def _equal(item: Any, value: str) -> bool:
    return _order(item, value) == 0


def _contains(item: Any, value: str) -> bool:
    return value.casefold() in text_of(item).casefold()


def _order(item: Any, value: str) -> int:
    """Return -1, 0 or 1 as the item is less than, equal to or more than the value."""
    left, right = _number(item), _number(value)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    text = text_of(item)
    return (text > value) - (text < value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def text_of(item: Any) -> str:
    """Return a JSON value as one writes it in a condition: ``true``, not ``True``."""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TESTS: Mapping[str, Callable[[Any, str], bool]] = {
    "=": _equal,
    "in": _equal,
    "<": lambda item, value: _order(item, value) < 0,
    "<=": lambda item, value: _order(item, value) <= 0,
    ">": lambda item, value: _order(item, value) > 0,
    ">=": lambda item, value: _order(item, value) >= 0,
    "contains": _contains,
}
