"""Places where a text must not be cut, for what stands before says what stands behind.

A heading, an anchor, a label such as "For example:", a decorator and a caption belong to what they
introduce. A joint is found by the text around it alone, so that an edit moves no far cut.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from knowledge.documents.splitting.blocks import Block
from knowledge.documents.splitting.chunking import skip_space
from knowledge.documents.splitting.headings import Outline
from knowledge.model import TextKind
from knowledge.text.tokens import TokenCounter


class Joint(NamedTuple):
    """No cut belongs to the offsets after ``start``, up to ``end``.

    ``solid`` where it ends with a block, and fits into one chunk.
    """

    start: int
    end: int
    solid: bool = False


class Joints:
    """The joints of a text, in order and apart from each other.

    ``are_solid`` where any of them is.
    """

    def __init__(self, found: Iterable[Joint] = ()) -> None:
        self._found = list(found)
        self.are_solid = any(joint.solid for joint in self._found)
        self._ends = [joint.end for joint in self._found]

    def at(self, offset: int) -> Joint | None:
        """Return the joint that a cut at ``offset`` would open."""
        index = bisect_left(self._ends, offset)
        if index < len(self._found) and self._found[index].start < offset:
            return self._found[index]
        return None

    def before(self, offset: int) -> int:
        """Return the last place up to ``offset`` where a cut opens no joint."""
        joint = self.at(offset)
        return joint.start if joint else offset


_LABEL = 200
"""Characters of a line, at most, that introduces the next by a colon at its end."""
_PARAGRAPH = 300
"""Characters of its paragraph, at most, that go with it."""
_PARAMETERS = 20
"""Lines of a signature that is kept in one piece."""
_SHORT = 120
"""Characters of a line, at most, that is a label because a block follows."""
_PLENTY = 8
"""Characters for each token of a chunk that hardly any text needs."""
_TRAILING = 200
"""Characters before the last labels of a text that keep them company."""

_COLON = re.compile(r"[:\uff1a][ \t]*(?:\*{1,3}|_{1,2}|</\w+>)?[ \t]*$", re.MULTILINE)
_OPENS = re.compile(r"[:{(\[][ \t]*(?:(?:#|//)[^\n]*)?$", re.MULTILINE)
_NUMBERED = (
    r"(?:<[^>\n]+>)?[*_]{0,3}[^\W\d]{1,15}\.?[ \t]?\d{1,3}(?:[.-]\d{1,3}){0,3}[*_]{0,3}"
    r"(?:[:\uff1a.][ \t]+[^\n]{1,150}|[:\uff1a.]?)"
)
_LINES: Mapping[TextKind, str] = {
    TextKind.TEXT: _NUMBERED,
    TextKind.MARKDOWN: (
        r"<a\b[^>\n]*>[ \t]*(?:</a>)?|<!--[^\n]*-->|!{3}[^\n]*|:::+[ \t]*[{\w][^\n]*"
        r"|\{[#.:][^}\n]*\}|<(?:details|summary|figure|div|p|table|ul|ol|pre|section)\b[^>\n]*>"
        r"|<summary>[^\n]*</summary>|(?:\*\*|__)[^*_\n]{1,100}(?:\*\*|__)|" + _NUMBERED
    ),
    TextKind.RST: (
        r"\.\. (?:_[^\n]*:|\[[^\]\n]*\]|[\w:+-]+::[^\n]*|\|[^|\n]+\|[^\n]*)[ \t]*"
        r"(?:\n[ \t]+:[\w-]+:[^\n]*)*|" + _NUMBERED
    ),
    TextKind.ASCIIDOC: r"\[[^\n]*\]|\.[^\W_][^\n]{0,150}|" + _NUMBERED,
    TextKind.ORG: (
        r"#\+(?:name|caption|attr_\w+|header|results|label)\b[^\n]*|<<[^\n]*>>"
        r"|:[\w@%-]+:[^\n]*|" + _NUMBERED
    ),
    TextKind.LATEX: (
        r"\\(?:label|caption|begin|centering|vspace|small|footnotesize)\b[^\n]*|\\item"
    ),
    TextKind.CODE: (
        r"@[\w.$:]+(?:\([^\n]*\)?)?|#!?\[[^\n]*\]|\[[\w:. ]+(?:\([^\n]*\))?\]"
        r"|template[ \t]*<[^\n]*>|(?:#|//|--)[ \t][^\n]*"
    ),
}
_LABELS: Mapping[TextKind, re.Pattern[str]] = {
    # A literal line break in front lets the search skip from line to line.
    kind: re.compile(rf"\n[ \t]*+(?:{lines})[ \t]*$", re.MULTILINE | re.IGNORECASE)
    for kind, lines in _LINES.items()
}
"""Whole lines that introduce what follows, by the kind of text."""


class Cuts(NamedTuple):
    """Where a text may be cut: its joints, and the blocks that are cut on their own.

    Each of those blocks comes with the place where what introduces it begins.
    """

    joints: Joints
    large: list[tuple[int, Block]]


def find_cuts(
    text: str,
    kind: TextKind,
    outline: Outline,
    blocks: Sequence[Block],
    limit: int,
    counter: TokenCounter,
) -> Cuts:
    """Find the joints of a text, and the blocks with more than ``limit`` tokens."""
    labels = deque(_chains(text, _labels(text, kind, outline, blocks), 2 * limit))
    found: list[Joint] = []
    large: list[tuple[int, Block]] = []
    place = 0
    for block in blocks:
        while labels and labels[0].start < block.start:
            found.append(labels.popleft())
        intro = max(_intro(text, block.start), place)
        while found and found[-1].end >= intro and found[-1].start >= place:
            longer = text[found[-1].start : block.start]
            if not _fits(longer, limit // 2, counter):
                break
            intro = min(intro, found.pop().start)
        if _fits(text[intro : block.end], limit, counter):
            found.append(Joint(intro, block.end - 1, solid=True))
        else:
            large.append((intro, block))
        place = block.end
    found += labels
    return Cuts(Joints(_with_last(text, found, place, limit, counter)), large)


def code_joints(text: str, limit: int) -> Joints:
    """Return the joints of code: below decorators, signatures and what opens a bracket."""
    return Joints(_chains(text, _labels(text, TextKind.CODE, Outline(), ()), limit))


def _fits(text: str, limit: int, counter: TokenCounter) -> bool:
    if 4 * len(text) <= limit:
        return True
    if len(text) > _PLENTY * limit:
        lines = text.rfind("\n", 0, _PLENTY * limit) + 1  # a line's tokens are its own
        if not text[lines].isspace() and counter.count(text[:lines]) > limit:
            return False
    return counter.count(text) <= limit


def _labels(
    text: str, kind: TextKind, outline: Outline, blocks: Sequence[Block]
) -> Iterator[tuple[int, int]]:
    """Yield the spans of headings and labels outside blocks, in the order of their starts."""
    found = [(heading.start, heading.end) for heading in outline.headings]
    lines = _LABELS[kind].finditer("\n" + text)
    found += [(match.start(), match.end() - 1) for match in lines]
    is_code = kind is TextKind.CODE
    begin_of = _signature if is_code else _paragraph
    for match in (_OPENS if is_code else _COLON).finditer(text):
        first, end = match.span()
        start = text.rfind("\n", 0, first) + 1
        if end - start <= _LABEL:
            found.append((begin_of(text, start), end))
    ends = [block.end for block in blocks]
    for start, end in sorted(found):
        index = bisect_left(ends, end)
        if index == len(blocks) or end <= blocks[index].start:
            yield (max(start, ends[index - 1]) if index else start), end


def _paragraph(text: str, start: int) -> int:
    """Return where the paragraph of the line at ``start`` begins, if it is short."""
    begin = text.rfind("\n\n", max(0, start - _PARAGRAPH), start)
    return start if begin < 0 else begin + 2


def _signature(text: str, start: int) -> int:
    """Return where a signature begins whose last line, at ``start``, closes its parameters."""
    if text[start].isalpha():
        return start
    content = skip_space(text, start, len(text))
    if not text.startswith((")", "]"), content):
        return start
    begin = start
    for _ in range(_PARAMETERS):
        begin = text.rfind("\n", 0, max(begin - 1, 0)) + 1
        if begin == 0 or skip_space(text, begin, start) - begin <= content - start:
            return begin
    return start


def _chains(text: str, labels: Iterable[tuple[int, int]], longest: int) -> list[Joint]:
    """Join labels that follow each other, up to ``longest`` characters."""
    chains: list[Joint] = []
    for start, end in labels:
        content = skip_space(text, end, len(text))
        last = chains[-1] if chains else None
        if last and start <= last.end:
            if content - last.start <= longest:
                chains[-1] = Joint(last.start, max(content, last.end))
                continue
            start = max(start, last.end)
        if start < content:
            chains.append(Joint(start, content))
    return chains


def _intro(text: str, start: int) -> int:
    """Return where a short line of text right before a block begins; else the block's start."""
    back = max(0, start - _SHORT - 8)
    end = back + len(text[back:start].rstrip())
    line = text.rfind("\n", 0, end) + 1
    alone = line == 0 or not text[text.rfind("\n", 0, line - 1) + 1 : line].strip()
    return line if alone and 0 < end - line <= _SHORT and end > back else start


def _with_last(
    text: str, found: list[Joint], after: int, limit: int, counter: TokenCounter
) -> list[Joint]:
    """Let labels that nothing follows go with what stands before them, as far as that fits."""
    end = len(text.rstrip())
    if not found or found[-1].solid or found[-1].end < end or found[-1].start <= after:
        return found
    kept = found[:-1]
    before = len(text[: found[-1].start].rstrip())
    start = max(text.rfind("\n", 0, before) + 1, before - _TRAILING, after)
    while kept and kept[-1].end >= start:
        start = min(start, kept.pop().start)
    if not _fits(text[start:end], limit, counter):
        return found
    return [*kept, Joint(start, found[-1].end)]
