import pytest

from knowledge.documents.loaders.images.ocr_lines import Box, lines_of


def words(left, line, text, width=None):
    """Words at a place on the page; a letter is 10 pixels wide, a line 30 high."""
    return Box(line * 30, line * 30 + 20, left, left + (width or 10 * len(text)), text)


def column(left, first, name, lines=6):
    return [
        words(left, first + n, f"{name}{n}", 400 if n < lines - 1 else 150) for n in range(lines)
    ]


def test_words_beside_each_other_are_one_line():
    found = [Box(3, 23, 200, 250, "right"), Box(40, 60, 0, 50, "below"), Box(0, 20, 0, 50, "left")]
    assert lines_of(found) == ["left right", "below"]
    assert lines_of([]) == []


@pytest.mark.parametrize("columns", [2, 3])
def test_columns_are_read_one_after_the_other(columns):
    found = [box for n in range(columns) for box in column(450 * n, 0, "abc"[n])]
    assert lines_of(found) == [f"{name}{n}" for name in "abc"[:columns] for n in range(6)]


def test_a_line_over_both_columns_parts_them():
    found = [words(0, 0, "Title", 850), *column(0, 1, "a"), *column(450, 1, "b")]
    found += [words(0, 7, "Second title", 850), *column(0, 8, "c"), *column(450, 8, "d")]
    expected = ["Title", *(f"a{n}" for n in range(6)), *(f"b{n}" for n in range(6))]
    expected += ["Second title", *(f"c{n}" for n in range(6)), *(f"d{n}" for n in range(6))]
    assert lines_of(found) == expected


def test_a_table_is_read_row_by_row():
    names = ["bolt", "a longer washer", "nut", "pin", "key of steel"]
    found = [words(0, n, name) for n, name in enumerate(names)]
    found += [words(300, n, f"{n}") for n in range(5)]
    assert lines_of(found) == [f"{name} {n}" for n, name in enumerate(names)]
