"""Marks of single characters that plain text must keep: raised, lowered and struck text.

A power that is written on the line is another number, so ``10⁶`` never becomes ``106``, and text
that was struck out does not read as valid. Loaders of all formats write these marks by this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from knowledge.text.cleaning import words


class Script(Enum):
    """Where text stands: on the line, above it or below it."""

    BASE = ""
    SUPER = "^"
    SUB = "_"


class Span(NamedTuple):
    """A piece of a paragraph's text with its marks."""

    text: str
    script: Script = Script.BASE
    struck: bool = False


_SCRIPTS = {
    Script.SUPER: str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ"),
    Script.SUB: str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎"),
}
_NUMBERS = re.compile(r"[0-9n+\-−=]+(?:[,;–] ?[0-9n+\-−=]+)*")
"""What Unicode has above and below the line; also the numbers of several notes."""
_LONGEST = 60
_TRADE = {"TM": "™", "SM": "℠"}
_ENDINGS = words("st nd rd th er re e ère ème ieme de ste te me mes lle lles gr mo ma os as º ª")
"""Endings of ordinals and abbreviations, which are raised for their looks alone."""


def superscript(text: str, before: str = "") -> str:
    """Return raised text for plain text: ``⁶``, ``^6`` behind a digit, ``^max`` for words.

    Search folds ``10⁶`` to ``106``, so a number behind a digit is written with a sign of its own.

    Parameters
    ----------
    before:
        The text on the line before it; its last character counts.
    """
    return _moved(text, before, Script.SUPER)


def subscript(text: str, before: str = "") -> str:
    """Return lowered text for plain text: ``₂``, ``_2`` behind a digit, ``_max`` for words.

    Parameters
    ----------
    before:
        As for `superscript`.
    """
    return _moved(text, before, Script.SUB)


def struck(text: str, before: str = "", after: str = "") -> str:
    """Return struck text between ``~~``, on each of its lines, which hug the text.

    Parameters
    ----------
    before, after:
        What stands beside it; a space keeps it apart from a word there.
    """
    lines = [_struck_line(line) for line in text.split("\n")]
    shown = "\n".join(lines)
    if not text.strip():
        return shown
    left = " " if _touches(before, text) else ""
    right = " " if _touches(text, after) else ""
    return left + shown + right


def written(spans: Iterable[Span], before: str = "", after: str = "") -> str:
    """Return the text of a paragraph with its marks; neighbours of the same marks are one.

    Parameters
    ----------
    before, after:
        The texts beside it, where it is a part of a paragraph.
    """
    spans = list(spans)
    if not any(span.struck or span.script is not Script.BASE for span in spans):
        return "".join([span.text for span in spans])
    pieces: list[Span] = []
    text = before
    for span in _merged(spans):
        shown = (
            _moved(span.text, text, span.script) if span.script is not Script.BASE else span.text
        )
        text += shown
        pieces.append(Span(shown, struck=span.struck))
    if not any(piece.struck for piece in pieces):
        return text[len(before) :]
    return _with_struck(list(_merged(_bridged(pieces))), before, after)


def _moved(text: str, before: str, script: Script) -> str:
    core = text.strip()
    if not core:
        return text
    lead, trail = text[: text.index(core)], text[text.index(core) + len(core) :]
    return lead + _moved_core(core, "" if lead else before[-1:], script) + trail


def _moved_core(core: str, last: str, script: Script) -> str:
    if _NUMBERS.fullmatch(core) and (not last.isdecimal() or core in "+-−="):
        return core.translate(_SCRIPTS[script])
    if not last or last.isspace() or core.startswith("[") or not any(map(str.isalnum, core)):
        return core
    if script is Script.SUPER and core in _TRADE:
        return _TRADE[core]
    if script is Script.SUPER and last.isalnum() and core.lower().strip(".") in _ENDINGS:
        return core
    if len(core) > _LONGEST or "\n" in core:  # a layout, not a power
        return f" {core}" if last.isalnum() else core
    one = not any(map(str.isspace, core)) or core[0] + core[-1] == "()"
    return f"{script.value}{core}" if one else f"{script.value}({core})"


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    last: Span | None = None
    for span in spans:
        if not span.text:
            continue
        if last is None:
            last = span
        elif (last.script, last.struck) == (span.script, span.struck):
            last = last._replace(text=last.text + span.text)
        else:
            yield last
            last = span
    if last is not None:
        yield last


def _bridged(pieces: list[Span]) -> Iterator[Span]:
    """Yield the pieces; white space between two struck ones is struck as well."""
    for place, piece in enumerate(pieces):
        around = pieces[place - 1 : place] + pieces[place + 1 : place + 2]
        inside = len(around) == 2 and all(one.struck for one in around)
        yield piece._replace(struck=True) if inside and not piece.text.strip() else piece


def _with_struck(pieces: list[Span], first: str, last: str) -> str:
    texts = [Span(first), *pieces, Span(last)]
    return "".join(
        struck(piece.text, before.text, after.text) if piece.struck else piece.text
        for before, piece, after in zip(texts, texts[1:], texts[2:], strict=False)
    )


def _struck_line(line: str) -> str:
    core = line.strip()
    if not core:
        return line
    start = line.index(core)
    return f"{line[:start]}~~{core}~~{line[start + len(core) :]}"


def _touches(left: str, right: str) -> bool:
    """Tell whether two texts would read as one word or number."""
    first, second = left[-1:], right[:1]
    if not (first.isalnum() and second.isalnum()):
        return False
    single = len(left.strip()) == 1 or len(right.strip()) == 1  # a letter changed within a word
    return not single or (first.isdecimal() and second.isdecimal())
