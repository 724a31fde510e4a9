from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.splitting.splitting import LineCounter, PageFinder
from knowledge.model import PageSpan


@given(st.text(alphabet="ab\n", max_size=50), st.lists(st.integers(0, 50), max_size=6))
def test_lines_are_those_an_editor_shows(text, starts):
    counter = LineCounter(text)
    for start in sorted(min(start, len(text)) for start in starts):
        end = min(start + 7, len(text))
        last = max(end - 1, start)
        expected = (1 + text.count("\n", 0, start), 1 + text.count("\n", 0, last))
        assert counter.lines(start, end) == expected


TEXT = "one\n\ntwo\n\n\n\nfour"
PAGES = (PageSpan(1, 0, 3), PageSpan(2, 5, 8), PageSpan(3, 10, 10), PageSpan(4, 12, 16))


def numbers(start, end):
    found = PageFinder(PAGES).pages(TEXT, start, end)
    return found and tuple(page.number for page in found)


def test_pages_are_those_the_text_stands_on():
    assert numbers(0, 3) == (1, 1)
    assert numbers(0, 8) == (1, 2)
    assert numbers(5, 16) == (2, 4)


def test_white_space_at_the_ends_claims_no_page():
    assert numbers(3, 8) == (2, 2)
    assert numbers(5, 12) == (2, 2)
    assert numbers(8, 12) is None


def test_no_pages():
    assert PageFinder(()).pages(TEXT, 0, 3) is None
