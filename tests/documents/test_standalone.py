"""Passages can stand alone: none is a mere label, and fenced code is whole or closed."""

import random
import re
from pathlib import Path

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.model import SplitterSpec, TextKind
from tests.documents.generated import WORDS, Maker

TESTDATA = Path(__file__).parents[2] / "testdata"
FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})", re.MULTILINE)
BARE = re.compile(
    r"\s*(?:(?:```|~~~)\S*|#{1,6} .*|@[\w.]+(?:\(.*\))?|#\[.*\]|[-=~]{3,}|\.\. [\w-]+::.*"
    r"|\.\. _.*:|.{0,60}:|\*\*\w+\*\*|Table \d: .*|Filename: \S+|)\s*"
)
HEADING = re.compile(r"#{1,6} |@\w|#\[|\.\. _")
SEEDS = range(3)
MAKERS = {"md": Maker.markdown, "rst": Maker.rst, "html": Maker.html}
MAKERS |= {"py": Maker.python, "rs": Maker.rust}


def documents(data, name):
    return load(data, name).documents


def passages(document):
    return split(document, SplitterSpec())


def check(document):
    found = passages(document)
    place = 0
    for passage in found:
        lines = passage.text.split("\n")
        assert not all(map(BARE.fullmatch, lines)) or len(found) == 1, passage.text
        if document.kind is TextKind.MARKDOWN:
            assert len(FENCE.findall(passage.text)) % 2 == 0, passage.text
        last = passage.text.rstrip().rsplit("\n", 1)[-1]
        assert not HEADING.match(last.lstrip()) or document.kind is TextKind.ROWS, passage.text
        lost = document.text[place : passage.char_start]
        assert not re.search(r"\w", lost) or lost.strip("`~").isalpha(), lost
        own = document.text[passage.char_start : passage.char_end]
        assert document.kind is TextKind.ROWS or own in passage.text
        place = max(place, passage.char_end)
    assert not re.search(r"\w", document.text[place:])


SAMPLES = [path for path in sorted(TESTDATA.rglob("*")) if path.is_file() and path.suffix != ".py"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples(path):
    for document in documents(path.read_bytes(), path.name):
        check(document)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ending", MAKERS)
def test_generated(ending, seed):
    (document,) = documents(MAKERS[ending](Maker(seed)).encode(), f"file.{ending}")
    check(document)


@pytest.mark.parametrize("ending", MAKERS)
def test_an_edit_changes_few_passages(ending):
    changed = []
    for seed in SEEDS:
        text = MAKERS[ending](Maker(seed))
        (document,) = documents(text.encode(), f"file.{ending}")
        before = {passage.embedding_text for passage in passages(document)}
        chosen = random.Random(seed)
        places = [match.start() for match in re.finditer("|".join(WORDS), text)]
        for _ in range(4):
            at = chosen.choice(places)
            edited = text[:at] + "altogether new words " + text[at:]
            (document,) = documents(edited.encode(), f"file.{ending}")
            after = {passage.embedding_text for passage in passages(document)}
            changed.append(len(after - before))
    assert max(changed) <= 3


def cut(text, name, size=60):
    (document,) = documents(text.encode(), name)
    return split(document, SplitterSpec(size, 0))


def test_long_fenced_code_is_opened_and_closed_in_each_passage():
    lines = [f"value_{number} = compute({number})" for number in range(40)]
    found = cut("# Use\n\nFor example:\n\n~~~~python\n" + "\n".join(lines) + "\n~~~~\n", "a.md")
    assert len(found) > 5
    assert found[0].text.startswith("# Use\n\nFor example:\n\n~~~~python\nvalue_0")
    assert all(passage.text.endswith("\n~~~~") for passage in found)
    for passage in found[1:]:
        assert passage.text.startswith("~~~~python\nvalue_")
        assert passage.lead == len("~~~~python\n")
        assert passage.tokens <= 60
        assert passage.heading == ("Use",)
    code = [line for passage in found for line in passage.text.split("\n") if "=" in line]
    assert code == lines


@pytest.mark.parametrize(
    ("name", "opening", "closing"),
    [
        ("a.adoc", "[source,ruby]\n----\n", "\n----"),
        ("a.org", "#+begin_src ruby\n", "\n#+end_src"),
        ("a.tex", "\\begin{verbatim}\n", "\n\\end{verbatim}"),
        ("a.rst", ".. code-block:: ruby\n\n", ""),
    ],
)
def test_code_in_other_markup_keeps_its_form(name, opening, closing):
    lines = [f"   value_{number} = compute {number}" for number in range(40)]
    found = cut("Some words.\n\n" + opening + "\n".join(lines) + closing + "\n\nMore.\n", name)
    code = [passage for passage in found if "compute" in passage.text]
    assert len(code) > 3
    again = opening.split("\n", 1)[1] if name == "a.adoc" else opening
    for passage in code[1:-1]:
        assert passage.text.startswith(again)
        assert passage.text.endswith(closing)


def test_an_open_fence_is_closed_too():
    text = "```\n" + "\n".join(f"line {number} of many words" for number in range(40))
    assert all(len(FENCE.findall(passage.text)) == 2 for passage in cut(text, "a.md"))


PIPES = "| {0} | name-{0} |"
GRID = ("+----+------+\n| id | name |\n+====+======+\n{}", "| {0} | name-{0} |\n+--+--+")
TABLES = {
    "pipes.md": ("| id | name |\n|----|------|\n{}", PIPES),
    "pipes.org": ("| id | name |\n|----+------|\n{}", PIPES),
    "pipes.txt": ("| id | name |\n| --- | --- |\n{}", PIPES),
    "html.md": (
        "<table class='a'><thead>\n<tr><th>id</th><th>name</th></tr></thead>\n{}\n</table>",
        "<tr><td>{0}</td>\n  <td>name-{0}</td></tr>",
    ),
    "one-line.md": (
        "<table><tr><td>id</td><td>name</td></tr>{}</table>",
        "<tr><td>{0}</td><td>name-{0}</td></tr>",
    ),
    "grid.md": GRID,
    "grid.rst": GRID,
    "headless.rst": (GRID[0].replace("=", "-"), GRID[1]),
    "simple.rst": ("=== ======\n id  name\n=== ======\n{}\n=== ======", " {0}  name-{0}"),
    "list.rst": (
        ".. list-table:: Parts\n   :header-rows: 1\n\n   * - id\n     - name\n   {}",
        "   * - {0}\n     - name-{0}",
    ),
    "csv.rst": ('.. csv-table:: Parts\n   :header: "id", "name"\n\n   {}', "   {0}, name-{0}"),
    "lines.adoc": ('[%header,cols="1,1"]\n|===\n|id |name\n\n{}\n|===', "|{0} |name-{0}"),
    "cells.adoc": ('[cols="1,2*"]\n|===\n|id\n|name\n|more\n\n{}\n|===', "|{0}\n|name-{0}\n|x\n"),
    "uncounted.adoc": ("|===\n|id\n|name\n\n{}\n|===", "|{0}\n|name-{0}"),
    "commas.adoc": (",===\nid,name\n{}\n,===", "{0},name-{0}"),
    "ruled.tex": (
        r"\begin{tabular}{ll}\toprule id & name \\ \midrule {} \bottomrule \end{tabular}",
        r"{0} & name-{0} \\[2pt]",
    ),
    "lines.tex": (
        r"\begin{tabular}{|l|l|} \hline id & name \\ \hline {} \end{tabular}",
        r"{0} & name-{0} \\ \hline",
    ),
    "long.tex": (
        r"\begin{longtable}{l} id & name \\ \endfirsthead id & more \\ \endhead {} \end{longtable}",
        r"{0} & name-{0} \tabularnewline",
    ),
    "wiki.wiki": ("{| class='wide'\n|+ Parts\n|-\n! id !! name\n{}\n|}", "|-\n| {0}\n| name-{0}"),
    "jira.txt": ("||id||name||\n{}", "|{0}|name-{0}|"),
    "textile.textile": ("|_. id |_. name |\n{}", "|{0}|name-{0}|"),
}
"""What stands around the rows of a table, and a row of it."""


@pytest.mark.parametrize("name", TABLES)
def test_a_long_table_repeats_its_header_and_counts_its_rows(name):
    text, row = TABLES[name]
    rows = "\n".join(row.format(number) for number in range(1, 61))
    found = cut(f"What is in stock\n\n{text.replace('{}', rows)}\n\nThe end.\n", name, 120)
    head = text.partition("{}")[0].partition("]\n")[2] if ".adoc" in name else ""
    head = (head or text.partition("{}")[0]).rstrip()
    numbers = []
    for passage in found:
        own = [int(number) for number in re.findall(r"name-(\d+)", passage.text)]
        if own:
            assert head in passage.text
            assert (passage.row_start, passage.row_end) == (own[0], own[-1])
            numbers += own
    assert numbers == list(range(1, 61))
    assert len(found) > 2


def test_a_citation_names_the_rows_of_a_table():
    rows = "".join(f"<tr><td>{number}</td><td>name-{number}</td></tr>" for number in range(1, 61))
    text = f"<html><body><table><tr><th>id</th><th>name</th></tr>{rows}</table></body></html>"
    first, *_, last = cut(text, "a.html", 120)
    assert first.cite("a.html").startswith("a.html, table rows 1-")
    assert last.cite("a.html").endswith("-60")


def test_long_methods_keep_their_decorator_and_signature():
    body = "\n".join(f"        total_{number} = self.add({number})" for number in range(60))
    text = f"class Part:\n    @classmethod\n    def make(\n        cls,\n    ) -> None:\n{body}\n"
    first = cut(text, "a.py")[0]
    assert "@classmethod" in first.text
    assert "total_0" in first.text


def test_tables_of_one_row_too_many_lose_nothing():
    long = "| 1 | " + "word " * 300 + "|"
    found = cut(f"| id | text |\n|--|--|\n{long}\n| 2 | short |\n", "a.md")
    assert all(passage.text.startswith("| id | text |") for passage in found)
    assert sum(passage.text.count("word") for passage in found) == 300
    assert [passage.row_start for passage in found][-1] == 2
