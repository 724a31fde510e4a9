import pytest

from tests.documents.makers import load_one


def load(text):
    return load_one(text.encode(), "a.md")


def test_front_matter_becomes_metadata_and_stays_in_the_text():
    text = "---\ntitle: A title\nauthor: Me\ndate: 2024-05-06\ntags: [a, b]\n---\n# Heading\n"
    document = load(text)
    assert document.text == text
    assert document.metadata == {
        "title": "A title",
        "author": "Me",
        "date": "2024-05-06",
        "tags": ["a", "b"],
    }


def test_the_first_heading_is_the_title_where_nothing_else_is():
    assert load("text\n\n# The title #\n\n# Another\n").metadata == {"title": "The title"}
    assert load("text only").metadata == {}


@pytest.mark.parametrize(
    "matter", ["a: [", "just words", "- a\n- b", "a: !!python/object:x.Y {}", "\tb: 1"]
)
def test_front_matter_that_is_none(matter):
    assert load(f"---\n{matter}\n---\ntext\n").metadata == {}


def test_only_scalars_and_lists_of_them_are_kept():
    document = load("---\na: {b: c}\nd: [1, [2], null, x]\ne: .nan\nf: null\ng: true\n---\ntext\n")
    assert document.metadata == {"d": [1, "x"], "g": True}


def test_aliases_in_aliases_do_not_unfold():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    document = load("---\n" + "\n".join(lines) + "\n---\ntext\n")
    assert document.metadata == {}
    assert "too large" in document.warnings[0]
    assert document.text.endswith("text\n")


def test_metadata_is_clean():
    assert load('---\ntitle: "a\\0b\\uD800c"\n---\ntext\n').metadata == {"title": "abc"}


def test_embedded_images_go_and_lines_stay():
    document = load(f"one\n\n![x](data:image/png;base64,{'QUJD' * 300})\n\nfive\n")
    assert len(document.text) < 100
    assert document.text.split("\n")[4] == "five"
