import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.splitting.rows import records, sniff_delimiter
from knowledge.documents.splitting.splitting import split
from knowledge.model import Document, SplitterSpec, TextKind

SIZE = SplitterSpec(40, 8)


def passages(text, spec=SIZE):
    return split(Document(text, TextKind.ROWS, has_lines=True), spec)


def shown(text):
    return [text[start:end] for start, end in records(text)]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n", ";"),
        ("a\tb, c\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('"x;y",b\n1,2\n', ","),
        ("alone\nand so on\n", ","),
        ("", ","),
    ],
)
def test_delimiters(text, delimiter):
    assert sniff_delimiter(text) == delimiter


def test_a_quoted_line_break_stays_inside_its_record():
    assert shown('id,note\n1,"two\nlines"\n2,plain\n') == ["id,note", '1,"two\nlines"', "2,plain"]


def test_a_line_that_names_the_delimiter_is_no_record():
    assert sniff_delimiter("sep=|\na|b,c,d\n") == "|"
    assert shown("sep=;\na;b\n1;2\n") == ["a;b", "1;2"]
    (passage,) = passages("sep=;\na;b\n1;2\n")
    assert (passage.line_start, passage.line_end) == (2, 3)


def test_blank_records_are_left_out():
    assert shown("a,b\n\n,,\n1,2\n\n") == ["a,b", "1,2"]


def test_a_quote_that_never_closes_does_not_swallow_the_rest():
    rows = [f"{number},x" for number in range(100_000)]
    found = shown('a,b\n0,"open\n' + "\n".join(rows))
    assert found[-1] == rows[-1]


def test_each_passage_repeats_the_header_and_spans_its_own_records():
    text = "id,name\n" + "".join(f"{number},name {number}\n" for number in range(30))
    found = passages(text)
    assert len(found) > 3
    assert all(passage.text.startswith("id,name\n") for passage in found)
    assert found[0].char_start == 0
    assert found[0].line_start == 1
    for passage in found[1:]:
        own = text[passage.char_start : passage.char_end]
        assert passage.text == "id,name\n" + own
        assert own.split("\n")[0] == text.splitlines()[passage.line_start - 1]
        assert own.split("\n")[-1] == text.splitlines()[passage.line_end - 1]


def test_a_record_is_only_cut_when_it_is_too_long_alone():
    long = "word " * 100
    found = passages(f"id,text\n1,short\n2,{long}\n3,short\n")
    assert found[0].text == "id,text\n1,short"
    assert found[-1].text == "id,text\n3,short"
    assert all(passage.tokens <= SIZE.chunk_size for passage in found)


def test_a_long_header_is_not_repeated():
    header = ",".join(f"column{number}" for number in range(30))
    found = passages(f"{header}\n1,2,3\n4,5,6\n")
    assert found[-1].text.endswith("4,5,6")
    assert sum("column0" in passage.text for passage in found) == 1


def test_a_header_alone_is_a_passage():
    assert [passage.text for passage in passages("id,name\n")] == ["id,name"]
    assert passages("\n\n") == []


CELL = st.text(alphabet='ab1 ",;\n', max_size=12)


@given(st.lists(st.lists(CELL, min_size=2, max_size=3), min_size=1, max_size=12))
def test_every_record_that_csv_reads_is_in_one_passage(table):
    output = io.StringIO()
    csv.writer(output, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    text = output.getvalue()
    covered = [False] * len(text)
    for passage in passages(text, SplitterSpec(30, 0)):
        assert passage.tokens <= 30
        for offset in range(passage.char_start, passage.char_end):
            covered[offset] = True
    assert all(done for done, sign in zip(covered, text, strict=True) if sign.isalnum())


@pytest.mark.parametrize("kind", [TextKind.ROWS, TextKind.RECORDS])
def test_a_record_at_the_top_leaves_most_passages_as_they_are(kind):
    rows = [
        f"{number * 7919 % 1000},part {number},{number * 31 % 97} pieces" for number in range(400)
    ]

    def texts(*records):
        document = Document("\n".join(["id,name,stock", *records]), kind, has_lines=True)
        return {passage.text for passage in split(document, SplitterSpec(128, 0))}

    before, after = texts(*rows), texts("1,a new part,3 pieces", *rows)
    assert len(after - before) <= 6
    assert len(before) > 30


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300, unique=True))
def test_every_record_is_in_exactly_one_passage(numbers):
    rows = [f"{number},part {number % 97}" for number in numbers]
    found = passages("\n".join(["id,name", *rows]) + "\n", SplitterSpec(64, 0))
    own = [line for passage in found for line in passage.text.split("\n")[1:]]
    assert own == rows
    assert all(passage.text.startswith("id,name\n") for passage in found)
    spans = [(passage.line_start, passage.line_end) for passage in found]
    assert spans[0][0] == 1
    assert spans[-1][1] == len(rows) + 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(spans))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=25))
def test_a_short_table_is_one_passage(numbers):
    text = "\n".join(["id", *map(str, numbers)])
    assert [passage.text for passage in passages(text, SplitterSpec(512, 0))] == [text]


SUPPLIERS = [f"Supplier {number};{number % 7};City {number}" for number in range(60)]


@pytest.mark.parametrize(
    ("titles", "header", "rows"),
    [
        ("Exported 2025-03-01 by Finance\nCurrency: EUR\n\n", "Supplier;Rating;City", SUPPLIERS),
        ("Report;;\nYear;2024;\n;;\n", "Supplier;Rating;City", SUPPLIERS),
        ("Report;;\n", ";Rating;City", SUPPLIERS),
        ("", "2023;2024;2025", SUPPLIERS),
        ("Stock\n", "id,name", [f"{number},part" for number in range(90)]),
        ("", "id", [f"part-{number}" for number in range(90)]),
    ],
)
def test_the_header_is_the_row_of_column_names(titles, header, rows):
    found = passages(titles + "\n".join([header, *rows]) + "\n", SplitterSpec(80, 0))
    assert len(found) > 3
    assert found[0].text.startswith(titles + header)
    assert all(passage.text.startswith(header + "\n") for passage in found[1:])
    own = [line for passage in found for line in passage.text.split("\n") if line in set(rows)]
    assert own == rows
    assert found[0].line_start == 1
    assert found[0].row_start == 1
    assert found[-1].row_end == len(rows)
