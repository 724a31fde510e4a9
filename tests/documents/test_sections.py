import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.splitting.anchors import Place, anchors
from knowledge.documents.splitting.headings import scan_markdown
from knowledge.documents.splitting.sections import sections

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


@given(TEXTS)
def test_sections_are_the_text_in_order(text):
    found = list(sections(text, scan_markdown, REACH))
    assert "".join(text[section.start : section.end] for section in found) == text
    for section in found:
        assert section.end > section.start
        assert all(section.start <= h.start < section.end for h in section.headings)


@given(TEXTS)
def test_no_section_begins_inside_fenced_code_or_a_heading(text):
    outline = scan_markdown(text, 0, len(text))
    for section in sections(text, scan_markdown, REACH):
        assert outline.in_fence(section.start) is None
        assert not any(h.start < section.start < h.end for h in outline.headings)


def test_a_short_text_is_one_section():
    assert len(list(sections("# A\n\ntext\n\n# B\n\ntext\n", scan_markdown, 100))) == 1


def test_sections_begin_at_headings_where_they_can():
    text = "".join(f"# Part {number}\n\n{'Some words here.' * 5}\n\n" for number in range(20))
    starts = [section.start for section in sections(text, scan_markdown, REACH)][1:]
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
    old = {before[s.start : s.end] for s in sections(before, scan_markdown, REACH)}
    new = {edited[s.start : s.end] for s in sections(edited, scan_markdown, REACH)}
    assert len(new - old) <= 2
