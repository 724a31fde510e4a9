import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.splitting.anchors import Place, anchors
from knowledge.documents.splitting.blocks import blocks
from knowledge.documents.splitting.headings import scan_markdown
from knowledge.documents.splitting.joints import find_cuts
from knowledge.documents.splitting.sections import sections
from knowledge.model import TextKind
from knowledge.text.tokens import counter_of

BITS = [
    "# Title\n",
    "## Part\n",
    "words and words\n",
    "\n",
    "```\n",
    "~~~~\n",
    "- item\n",
    "x",
    "===\n",
]
TEXTS = st.lists(st.sampled_from(BITS), max_size=80).map("".join)
REACH = 40
LIMIT = 10_000  # tokens, so that no block is cut


def cut(text, reach=REACH):
    outline = scan_markdown(text, 0, len(text))
    kind = TextKind.MARKDOWN
    found = blocks(text, outline, kind)
    joints, large = find_cuts(text, kind, outline, found, LIMIT, counter_of("gpt-4"))
    assert not large
    levels = {heading.start: heading.level for heading in outline.headings}
    return list(sections(text, joints, reach, 0, len(text), levels))


@given(TEXTS)
def test_sections_are_the_text_in_order(text):
    found = cut(text)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(end > start for start, end in found)


@given(TEXTS)
def test_no_section_begins_inside_fenced_code_or_a_heading(text):
    outline = scan_markdown(text, 0, len(text))
    for start, _ in cut(text):
        assert outline.in_fence(start) is None
        assert not any(h.start < start < h.end for h in outline.headings)


def test_a_short_text_is_one_section():
    assert len(cut("# A\n\ntext\n\n# B\n\ntext\n", 100)) == 1


def test_sections_begin_at_headings_where_they_can():
    text = "".join(f"# Part {number}\n\n{'Some words here.' * 5}\n\n" for number in range(20))
    starts = [start for start, _ in cut(text)][1:]
    assert starts
    assert all(text.startswith("# Part", start) for start in starts)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), max_size=60))
def test_anchors_keep_their_distance_and_are_the_best_around(found):
    placed = [Place(offset, (key, 0)) for offset, key in sorted(dict(found).items())]
    chosen = list(anchors(placed, REACH))
    assert all(after - before > REACH for before, after in pairwise(chosen))
    keys = {place.offset: place.key for place in placed}
    for offset in chosen:
        near = [place for place in placed if abs(place.offset - offset) <= REACH]
        assert keys[offset] == min(place.key for place in near)


def test_an_edit_moves_no_far_section():
    shuffled = random.Random(1)
    words = [shuffled.choice(["alpha ", "beta\n", "gamma.\n\n", "# Delta\n"]) for _ in range(2_000)]
    before, edited = "".join(words), "An edit.\n" + "".join(words)
    old = {before[start:end] for start, end in cut(before)}
    new = {edited[start:end] for start, end in cut(edited)}
    assert len(new - old) <= 2
