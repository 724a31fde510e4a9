import pytest

from knowledge.documents.splitting.headings import (
    TITLE_LIMIT,
    HeadingPaths,
    RstScanner,
    front_matter_end,
    plain_title,
    scan_markdown,
)


def markdown(text):
    return [(h.level, h.title) for h in scan_markdown(text, 0, len(text)).headings]


def rst(text):
    return [(h.level, h.title) for h in RstScanner()(text, 0, len(text)).headings]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# One\n\n## Two ##\n", [(1, "One"), (2, "Two")]),
        ("One\n===\n\nTwo\n---\n", [(1, "One"), (2, "Two")]),
        ("   ### indented a little\n", [(3, "indented a little")]),
        ("    # code\n", []),
        ("#no heading\n####### nor this\n", []),
        ("#\n# \n", [(1, ""), (1, "")]),
        ("# C#\n# F# #\n", [(1, "C#"), (1, "F#")]),
        ("```\n# code\n```\n# real\n", [(1, "real")]),
        ("````\n```\n# code\n````\n# real\n", [(1, "real")]),
        ("~~~\n# code\n```\n# code\n~~~\n# real\n", [(1, "real")]),
        ("```\n# never closed\n", []),
        ("``` not `a` fence\n# real\n", [(1, "real")]),
        ("---\ntitle: x\n---\n# real\n", [(1, "real")]),
        ("text\n\n---\n\ntext\n", []),
        ("- item\n---\n", []),
        ("a | b\n---\n", []),
        ("first line\nsecond line\n---\n", []),
        ("# last", [(1, "last")]),
    ],
)
def test_markdown_headings(text, headings):
    assert markdown(text) == headings


def test_a_heading_spans_its_lines():
    text = "intro\n\nTitle\n=====\n\nbody\n"
    (heading,) = scan_markdown(text, 0, len(text)).headings
    assert text[heading.start : heading.end] == "Title\n====="


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("**Bold** and *more*", "Bold and more"),
        ("`code_name` and snake_case", "code_name and snake_case"),
        ("[A link](https://x.org/a_b)", "A link"),
        ("[![badge](a.png)](b) Name", "badge Name"),
        ("Fish &amp; chips", "Fish & chips"),
        ('<a id="x"></a>Anchored {#id}', "Anchored"),
        (r"1\. First \*star\*", "1. First *star*"),
        ("  many   spaces ", "many spaces"),
    ],
)
def test_titles_lose_their_markup(title, plain):
    assert plain_title(title) == plain


def test_a_title_is_never_long():
    assert len(plain_title("word " * 100_000)) <= TITLE_LIMIT


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        (
            "Title\n=====\n\nPart\n----\n\nPart 2\n------\n",
            [(1, "Title"), (2, "Part"), (2, "Part 2")],
        ),
        ("=====\nTitle\n=====\n\nPart\n=====\n", [(1, "Title"), (2, "Part")]),
        ("=======\n Title\n=======\n", [(1, "Title")]),
        ("Too long a title\n===\n", []),
        ("text\n\n    Code\n    ----\n", []),
        ("-----\n-----\n", []),
    ],
)
def test_rst_titles(text, headings):
    assert rst(text) == headings


def test_front_matter_ends_after_its_second_line_of_dashes():
    assert front_matter_end("---\na: 1\n---\ntext") == len("---\na: 1\n---\n")
    assert front_matter_end("---\na: 1\ntext") == 0
    assert front_matter_end("text\n---\na: 1\n---\n") == 0


TEXT = "# A\n\nalpha\n\n## B\n\nbeta\n\n### C\n\n# D\n\ndelta\n"


@pytest.fixture
def paths():
    paths = HeadingPaths()
    paths.enter(scan_markdown(TEXT, 0, len(TEXT)).headings)
    return paths


@pytest.mark.parametrize(
    ("start", "end", "path"),
    [
        ("# A", "beta", ("A",)),
        ("alpha", "beta", ("A",)),
        ("## B", "beta", ("A", "B")),
        ("### C", "C", ("A", "B", "C")),
        ("# D", "delta", ("D",)),
    ],
)
def test_the_path_is_that_of_the_first_content(paths, start, end, path):
    first = TEXT.index(start)
    assert paths.at(TEXT, first, TEXT.index(end, first) + len(end)) == path


def test_a_path_goes_on_into_the_next_part():
    paths = HeadingPaths()
    paths.enter(scan_markdown("# A\n", 0, 4).headings)
    paths.enter([])
    assert paths.at("# A\ntext", 4, 8) == ("A",)
