import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.documents.splitting.grammars import GRAMMARS
from knowledge.documents.splitting.splitting import split
from knowledge.errors import UsageError
from knowledge.model import Document, PageSpan, SplitterSpec, TextKind

CONTENT = re.compile(r"[^\s!-/:-@\[-`{-~]")
KINDS = [kind for kind in TextKind if kind not in (TextKind.ROWS, TextKind.RECORDS)]
PROSE = "Some words make a sentence. Others make another one, a little longer. "

BITS = ["# ", "## ", "word ", "Sentence. ", "\n", "\n\n", "```\n", "- ", "> ", "| a | b |\n"]
BITS += [
    "---\n",
    "===\n",
    "é",
    "漢字。",
    "\N{GRINNING FACE}",
    "[a](b)",
    "    ",
    "\t",
    " ",
    "x" * 60,
]
BITS += ["\n" * 210, "1. ", "*", "\u0301", "<b>", "&amp;"]
BITS += ["\n<table>\n", "<tr><td>a</td>", "<tr>", "</tr>", "</table>", "|---|---|\n", "+---+--+\n"]
BITS += ["|===\n", "|a ", "\n{|\n", "|-\n", "! a\n", "|}\n", "||a||\n", " \\\\ \\hline\n"]
BITS += ["\\begin{tabular}{l}", "\\end{tabular}\n", ".. list-table::\n\n", "   * - a\n"]
TEXTS = st.lists(st.sampled_from(BITS), max_size=60).map("".join)
SIZES = st.sampled_from([(1, 0), (5, 0), (5, 4), (20, 3), (60, 15), (400, 60)])


def passages(text, spec=None, kind=TextKind.MARKDOWN, **more):
    return split(Document(text, kind, **more), spec or SplitterSpec(40, 6))


@settings(deadline=None)
@given(TEXTS, SIZES, st.sampled_from(KINDS))
def test_laws(text, sizes, kind):
    check_laws(text, sizes, passages(text, SplitterSpec(*sizes), kind, has_lines=True))


CODE_BITS = [
    "def f(a):\n",
    "class A:\n",
    "    ",
    "  return 1\n",
    "function f() {\n",
    "}\n",
    "x = 1\n",
]
CODE_BITS += [
    "{",
    "(",
    ")",
    "\n",
    "\n\n",
    "# note\n",
    "// note\n",
    '"é漢',
    '"',
    "int main() {",
    "a: 1\n",
]
CODE_BITS += [
    "[part]\n",
    '  "key": [\n',
    "<?php ",
    "$(x)",
    "`",
    "@d\n",
    "word ",
    "x" * 50,
    "/*",
    "*/",
    "<<E\n",
]
CODE_BITS += ["create table t\n", "    pass\n", "impl T {\n", "module M\n", "end\n", "\t", "\u2028"]
CODES = st.lists(st.sampled_from(CODE_BITS), max_size=60).map("".join)
SYNTAXES = [*sorted(GRAMMARS), "yaml", "toml", "ini", "json", "sql", "xml", ""]


@settings(deadline=None)
@given(CODES, SIZES, st.sampled_from(SYNTAXES))
def test_laws_of_code(text, sizes, syntax):
    spec = SplitterSpec(*sizes)
    check_laws(text, sizes, passages(text, spec, TextKind.CODE, has_lines=True, syntax=syntax))


def check_laws(text, sizes, found):
    covered = bytearray(len(text))
    for ordinal, passage in enumerate(found):
        assert passage.ordinal == ordinal
        own = text[passage.char_start : passage.char_end]
        behind = passage.text[passage.lead + len(own) :]
        assert passage.text[passage.lead :].startswith(own)
        assert passage.text[: passage.lead] in text[: passage.char_start]
        assert not CONTENT.search(behind) or behind.lower().startswith(("\n#+end", "\n\\end"))
        assert CONTENT.search(own)
        assert passage.tokens <= sizes[0]
        assert passage.line_start == 1 + text.count("\n", 0, passage.char_start)
        assert passage.line_end == 1 + text.count("\n", 0, passage.char_end - 1)
        covered[passage.char_start : passage.char_end] = b"\1" * len(own)
    assert all(covered[match.start()] for match in CONTENT.finditer(text))
    starts = [passage.char_start for passage in found]
    assert starts == sorted(starts)


@given(TEXTS, st.sampled_from(KINDS))
def test_the_same_text_gives_the_same_passages(text, kind):
    assert passages(text, kind=kind) == passages(text, kind=kind)


@given(TEXTS, st.lists(st.integers(0, 2000), min_size=2, max_size=2).map(sorted))
def test_pages_are_those_that_hold_the_text(text, cuts):
    first, second = (min(cut, len(text)) for cut in cuts)
    pages = (PageSpan(1, 0, first), PageSpan(2, first, second), PageSpan(3, second, len(text)))
    for passage in passages(text, kind=TextKind.TEXT, pages=pages):
        held = [
            page.number
            for page in pages
            if text[
                max(page.char_start, passage.char_start) : min(page.char_end, passage.char_end)
            ].strip()
        ]
        assert (passage.page_start, passage.page_end) == (held[0], held[-1])


@pytest.mark.parametrize("sizes", [(10, 10), (10, 11), (0, 0), (10, -1)])
def test_sizes_that_do_not_fit(sizes):
    with pytest.raises(UsageError, match="`chunk_size`"):
        passages("text", SplitterSpec(*sizes))


def test_nothing_to_keep():
    assert passages("") == []
    assert passages(" \n\t\n") == []
    assert passages("---\n\n***\n\n| | |\n|---|---|\n") == []


def test_only_documents_with_lines_and_pages_have_them():
    (passage,) = passages("text")
    assert passage.line_start is passage.line_end is None
    assert passage.page_start is passage.page_end is None


def test_headings_lead_to_a_passage():
    text = f"# Book\n\nIntro.\n\n## Part\n\n{PROSE * 6}\n\n## Other\n\n{PROSE * 6}\n"
    found = passages(text)
    assert {passage.heading for passage in found} == {
        ("Book",),
        ("Book", "Part"),
        ("Book", "Other"),
    }
    for passage in found:
        if passage.text.startswith("## Other"):
            assert passage.heading == ("Book", "Other")


def test_headings_in_code_lead_nowhere():
    found = passages(f"# Real\n\n```\n# not real\n```\n\n{PROSE * 8}")
    assert {passage.heading for passage in found} == {("Real",)}


def test_no_passage_is_a_mere_heading_while_text_follows():
    text = "".join(f"# Chapter {number}\n\n## Section\n\n{PROSE * 7}\n\n" for number in range(9))
    for passage in passages(text, SplitterSpec(60, 15)):
        assert PROSE[:4] in passage.text or "words" in passage.text, passage


def test_rst_titles_lead_to_a_passage():
    text = f"Book\n====\n\nPart\n----\n\n{PROSE * 8}"
    found = passages(text, kind=TextKind.RST)
    assert found[-1].heading == ("Book", "Part")


def test_neighbours_overlap():
    found = passages(PROSE * 30, SplitterSpec(60, 20), TextKind.TEXT)
    assert all(after.char_start < before.char_end for before, after in pairwise(found))


def test_a_sentence_may_cross_a_page_break():
    first, second = "It begins here and\n\n", "ends on the next page."
    pages = (PageSpan(7, 0, len(first) - 2), PageSpan(8, len(first), len(first + second)))
    (passage,) = passages(first + second, kind=TextKind.TEXT, pages=pages)
    assert (passage.page_start, passage.page_end) == (7, 8)


def test_an_edit_at_the_start_moves_few_passages():
    parts = [f"## Note {number}\n\n{PROSE * (3 + number % 4)}\n\n" for number in range(60)]
    before = {passage.embedding_text for passage in passages("".join(parts))}
    parts[0] = parts[0].replace("Some words", "Quite a few more words than before", 1)
    after = {passage.embedding_text for passage in passages("".join(parts))}
    assert len(after - before) <= 4


HOSTILE = {
    "one long word": "a" * 200_000,
    "one long line": PROSE * 3_000,
    "json in one line": '{"id": 1, "tags": ["a", "b"]}, ' * 6_000,
    "line breaks": "\n" * 300_000 + "x",
    "short lines": "x\n" * 50_000,
    "quotes in quotes": ">" * 10_000 + " x",
    "open brackets": "[" * 10_000 + " x",
    "lists in lists": "".join(f"{'  ' * depth}- item\n" for depth in range(400)),
    "headings": "# a\n" * 20_000,
    "a fence that stays open": "```\n" + PROSE * 2_000,
    "spaces": ("word" + " " * 300) * 500,
    "signs": "." * 60_000,
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", [TextKind.TEXT, TextKind.MARKDOWN])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_end(text, kind):
    for passage in passages(text, SplitterSpec(), kind):
        assert text[passage.char_start : passage.char_end] in passage.text
