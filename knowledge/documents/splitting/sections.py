"""Cuts a text into sections that are cut into chunks each on its own.

Sections begin at anchors, so that an edit changes the chunks of its own section and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from knowledge.documents.splitting.anchors import anchors_inside, places
from knowledge.documents.splitting.joints import Joints

Span = tuple[int, int]


def sections(
    text: str, joints: Joints, reach: int, begin: int, stop: int, levels: Mapping[int, int]
) -> Iterator[Span]:
    """Yield the spans of the sections of ``text[begin:stop]``: in order, without gaps.

    None begins inside a joint.

    Parameters
    ----------
    reach:
        Least characters of a section but for the last; twice that on average.
    levels:
        Levels of headings by their offsets: the best places to begin.
    """

    def rank(offset: int) -> int | None:
        joint = joints.at(offset)
        return 0 if joint and joint.solid else levels.get(offset)

    rank_of = rank if joints.are_solid else levels.get
    start = begin
    for anchor in anchors_inside(places(text, begin, stop, rank_of), begin, stop, reach):
        end = joints.before(anchor)
        if end > start:
            yield start, end
            start = end
    if start < stop:
        yield start, stop
