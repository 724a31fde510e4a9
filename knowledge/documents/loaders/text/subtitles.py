"""SRT and WebVTT subtitles to running text, each cue with its number and its start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.errors import DocumentError
from knowledge.model import Document, PageSpan, PageUnit
from knowledge.text.cleaning import clean

_TIME = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_TIMES = re.compile(rf"^[ \t]*({_TIME})[ \t]*-->[ \t]*({_TIME})[^\n]*$", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>\n]{1,100})>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z\d][^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_NOT_A_CUE = re.compile(r"(?:NOTE|STYLE|REGION)\b")
_SENTENCE_END = re.compile(r"[.!?…。！？][\])\"'»”]*$")
_NUMBER = re.compile(r"\d{1,7}")
_PAUSE = 3.0
"""Seconds of silence after which a new paragraph begins."""


@dataclass(frozen=True, slots=True)
class _Cue:
    number: int
    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str = ""

    @property
    def time(self) -> str:
        """Its start, as ``00:01:02``."""
        seconds = int(self.start)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def load(source: Source) -> Document:
    """Read subtitles: sentences run on over cues; a pause or another speaker begins a paragraph.

    Raises
    ------
    DocumentError
        It has no time codes.
    """
    text, warnings = decode(source.data)
    if not _TIMES.search(text):
        raise DocumentError("it has no time codes, so it holds no subtitles")
    running, pages = _running_text(_without_repeats(_numbered(list(_cues(text)))))
    return Document(
        running, pages=pages, page_unit=PageUnit.CUE, loader="subtitles", warnings=warnings
    )


def _cues(source: str) -> Iterator[_Cue]:
    """Yield all cues with the numbers that they have, 0 for none."""
    times = list(_TIMES.finditer(source))
    _, name = _parts(source[: times[0].start()])
    for index, match in enumerate(times):
        last = index + 1 == len(times)
        between = source[match.end() : None if last else times[index + 1].start()]
        number = int(name) if _NUMBER.fullmatch(name) else 0
        lines, name = _parts(between + "\n\n" if last else between)
        voice = _VOICE.search("\n".join(lines))
        plain = (" ".join(clean(unescape(_TAG.sub("", line))).split()) for line in lines)
        yield _Cue(
            number,
            _seconds(match[1]),
            _seconds(match[2]),
            tuple(filter(None, plain)),
            " ".join(voice[1].split()) if voice else "",
        )


def _parts(between: str) -> tuple[list[str], str]:
    """Return a cue's lines, and the name or number of the cue that follows, if it has one."""
    lines = between.strip("\n").split("\n") if between.strip() else []
    name = ""
    touches = not between.endswith("\n\n")
    if lines and touches and (_NUMBER.fullmatch(lines[-1].strip()) or lines[-2:-1] in ([], [""])):
        name = lines.pop().strip()
    kept: list[str] = []
    note = False
    for index, line in enumerate(lines):
        if index and not lines[index - 1].strip():
            note = _NOT_A_CUE.match(line) is not None
        if not note:
            kept.append(line)
    return kept, name


def _numbered(cues: Sequence[_Cue]) -> list[_Cue]:
    """Number cues as the file does where its numbers rise, else by their order."""
    numbers = [cue.number for cue in cues]
    rising = all(before < after for before, after in zip([0, *numbers], numbers, strict=False))
    return [
        replace(cue, number=cue.number if rising else place) for place, cue in enumerate(cues, 1)
    ]


def _without_repeats(cues: Sequence[_Cue]) -> Iterator[_Cue]:
    """Yield cues without the lines that roll up from the cue before; none that are empty."""
    shown: tuple[str, ...] = ()
    for cue in cues:
        same = next(
            (size for size in range(len(shown), 0, -1) if shown[-size:] == cue.lines[:size]), 0
        )
        if cue.lines:
            shown = cue.lines
        if cue.lines[same:]:
            yield replace(cue, lines=cue.lines[same:])


def _running_text(cues: Iterator[_Cue]) -> tuple[str, tuple[PageSpan, ...]]:
    parts: list[str] = []
    pages: list[PageSpan] = []
    length = 0
    before: _Cue | None = None
    for cue in cues:
        text = " ".join(cue.lines)
        if cue.speaker and (before is None or cue.speaker != before.speaker):
            text = f"{cue.speaker}: {text}"
        gap = _gap(before, cue)
        parts += [gap, text]
        start = length + len(gap)
        length = start + len(text)
        pages.append(PageSpan(cue.number, start, length, cue.time))
        before = cue
    return "".join(parts), tuple(pages)


def _gap(before: _Cue | None, cue: _Cue) -> str:
    if before is None:
        return ""
    if cue.speaker != before.speaker or cue.start - before.end > _PAUSE:
        return "\n\n"
    return "\n" if _SENTENCE_END.search(before.lines[-1]) else " "


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
