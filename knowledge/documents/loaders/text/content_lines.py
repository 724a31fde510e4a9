"""Content lines, of which calendars and cards are made (RFC 5545 3.1, RFC 6350 3.3, vCard 2.1).

A record is rewritten line by line: what is said on a line of the file is shown on that line of the
text, and what says nothing to a reader is an empty line, so that a citation names the file's lines.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from knowledge.text.cleaning import clean

_LINE = re.compile(
    r"(?:[\w-]+\.)?(?P<name>[\w-]+)"
    r"(?P<parameters>(?:;[^\":;]*(?:\"[^\"]*\"[^\":;]*)*)*):(?P<value>.*)",
    re.DOTALL,
)
_PARAMETER = re.compile(r";([^\":;=]+)(?:=((?:[^\":;]|\"[^\"]*\")*))?")
_IN_PARAMETER = {"^n": "\n", "^'": '"', "^^": "^"}  # RFC 6868
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COMPONENT_END = re.compile(r"(?<!\\)(?:\\\\)*;")
_DEEPEST = 16
_INDENT = " " * 4
"""Before a further line of a value: nothing there is taken for a heading."""


@dataclass(frozen=True, slots=True)
class ContentLine:
    """A property.

    Parameters
    ----------
    name:
        In upper case, without its group.
    value:
        As written, but for the encoding.
    parameters:
        By their names in upper case; a bare word of vCard 2.1 counts as ``TYPE``.
    at, lines:
        Its first line in the file, from 0, and over how many it is folded.
    """

    name: str
    value: str
    parameters: Mapping[str, str]
    at: int
    lines: int

    @property
    def text(self) -> str:
        """The value without escapes; it may hold line breaks."""
        return unescaped(self.value)

    @property
    def components(self) -> list[str]:
        """The parts of a structured value, without escapes, those that are empty too."""
        ends = [match.end() for match in _COMPONENT_END.finditer(self.value)]
        starts, stops = [0, *ends], [*(end - 1 for end in ends), len(self.value)]
        return [unescaped(self.value[a:b]) for a, b in zip(starts, stops, strict=True)]


def content_lines(text: str) -> Iterator[ContentLine]:
    """Yield the properties of a text; lines that are none are left out."""
    for at, folded in _unfolded(text.split("\n")):
        match = _LINE.fullmatch("".join(folded))
        if match is not None:
            parameters = _parameters(match["parameters"])
            value = _decoded(match["value"], parameters)
            yield ContentLine(match["name"].upper(), value, parameters, at, len(folded))


def unescaped(value: str) -> str:
    r"""Return a text with what ``\n``, ``\,``, ``\;`` and ``\\`` stand for."""
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def records(
    lines: Iterable[ContentLine], names: frozenset[str]
) -> Iterator[tuple[ContentLine, list[ContentLine]]]:
    """Yield the beginning and the own properties of each record, such as ``VEVENT``.

    Those of components inside it, such as alarms, are left out.
    """
    begun: ContentLine | None = None
    inside: list[str] = []
    own: list[ContentLine] = []
    for line in lines:
        value = line.value.strip().upper()
        if line.name == "BEGIN" and begun is None and value in names:
            begun, inside, own = line, [value], []
        elif begun is not None and line.name == "BEGIN":
            inside += [value] * (len(inside) < _DEEPEST)
        elif begun is not None and line.name == "END":
            inside = inside[: inside.index(value)] if value in inside else inside
            if not inside:
                yield begun, own
                begun = None
        elif len(inside) == 1 and begun is not None:
            own.append(line)
    if begun is not None:  # cut off
        yield begun, own


class LinedText:
    """A text that has as many lines as the file."""

    def __init__(self, source: str) -> None:
        self._lines = [""] * (source.count("\n") + 1)

    def write(self, line: ContentLine, text: str) -> None:
        """Show a text where a property stands, on no more lines than it has."""
        shown = [" ".join(clean(one).split()) for one in text.split("\n")]
        shown = [one for one in shown if one]
        kept, rest = shown[: line.lines - 1], shown[line.lines - 1 :]
        for at, one in enumerate((*kept, " ".join(rest)), line.at):
            self._lines[at] = _INDENT * (at > line.at) + one if one else ""

    def write_all(
        self, own: Sequence[ContentLine], shown: Mapping[str, Callable[[ContentLine], str]]
    ) -> None:
        """Show the properties of a record by their names."""
        for line in own:
            if line.name in shown:
                self.write(line, shown[line.name](line))

    def text(self) -> str:
        """Return what was written."""
        return "\n".join(self._lines)


def labelled(label: str) -> Callable[[ContentLine], str]:
    """Return what shows a property's text behind a label, and nothing for an empty one."""
    return lambda line: f"{label}: {line.text}" if line.text.strip() else ""


def _unfolded(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield where each property begins, and the lines that it is folded over."""
    start, folded = 0, [lines[0]]
    quoted = _is_quoted(lines[0])
    for at, line in enumerate(lines[1:], 1):
        soft = quoted and folded[-1].endswith("=")
        if soft or line[:1] in (" ", "\t"):
            folded[-1] = folded[-1].removesuffix("=") if soft else folded[-1]
            folded.append(line if soft else line[1:])
        else:
            yield start, folded
            start, folded = at, [line]
            quoted = _is_quoted(line)
    yield start, folded


def _is_quoted(line: str) -> bool:
    return "QUOTED-PRINTABLE" in line.partition(":")[0].upper()


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER.findall(text):
        key, given = (name.upper(), value) if value else ("TYPE", name)
        plain = re.sub(r"\^[n'^]", lambda match: _IN_PARAMETER[match[0]], given.replace('"', ""))
        parameters[key] = f"{parameters[key]},{plain}" if key in parameters else plain
    return parameters


def _decoded(value: str, parameters: Mapping[str, str]) -> str:
    encodings = f"{parameters.get('ENCODING', '')},{parameters.get('TYPE', '')}".upper()
    if "QUOTED-PRINTABLE" not in encodings:
        return value
    charset = parameters.get("CHARSET", "utf-8")
    try:
        data = quopri.decodestring(value.encode("ascii", "replace"))
        return data.decode(charset, "replace").replace("\r\n", "\n")
    except (LookupError, binascii.Error):
        return value
