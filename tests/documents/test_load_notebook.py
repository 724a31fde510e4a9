import json

import pytest

from knowledge.documents.loaders.text.notebook import OUTPUT_LINES
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import code_cell, load_one, markdown_cell, notebook


def load(*cells, **more):
    return load_one(notebook(*cells, **more), "a.ipynb")


def test_cells_in_order():
    document = load(
        markdown_cell(["# Title\n", "words"]),
        code_cell("print(1)", {"output_type": "stream", "name": "stdout", "text": ["1\n"]}),
        markdown_cell("more"),
    )
    assert document.text == (
        "# Title\nwords\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\nmore"
    )
    assert (document.kind, document.has_lines) == (TextKind.MARKDOWN, False)


def test_the_kernel_s_language_marks_code():
    assert load(code_cell("x <- 1"), language="R").text.startswith("```R\n")


def test_results_are_shown_as_text():
    result = {"output_type": "execute_result", "data": {"text/plain": "42", "image/png": "A" * 999}}
    assert load(code_cell("6 * 7", result)).text.endswith("```text\n42\n```")


def test_long_outputs_are_shortened():
    output = {"output_type": "stream", "text": "".join(f"line {n}\n" for n in range(1000))}
    text = load(code_cell("loop()", output)).text
    assert f"line {OUTPUT_LINES - 1}\n" in text
    assert f"line {OUTPUT_LINES}\n" not in text
    assert f"{1000 - OUTPUT_LINES} more lines" in text


def test_code_that_holds_a_fence():
    text = load(code_cell('s = """```"""')).text
    assert text.startswith("````python\n")


def test_lone_surrogates_go():
    assert load(markdown_cell("a\ud800b")).text == "ab"


def test_odd_cells_are_left_out():
    odd = [{}, {"cell_type": "code", "source": 3}, markdown_cell(""), {"source": None}]
    assert load(*odd, markdown_cell("words")).text == "words"


def test_passages_name_their_cells():
    document = load(
        markdown_cell("# Pumps\n\nHow they are read."),
        markdown_cell(""),
        code_cell("\n".join(f"read_pump_number({n})" for n in range(30))),
        markdown_cell("## Lids\n\n" + "The last cell tells how they are opened. " * 5),
    )
    assert [page.number for page in document.pages] == [1, 3, 4]
    found = split(document, SplitterSpec(60, 0))
    assert found[0].cite("a.ipynb") == "a.ipynb, cells 1-3"  # words go with the code below them
    assert found[1].cite("a.ipynb") == "a.ipynb, cell 3"
    assert found[-1].cite("a.ipynb") == "a.ipynb, cell 4"
    assert (found[1].heading, found[-1].heading) == (("Pumps",), ("Pumps", "Lids"))
    assert found[-1].line_start is None


def test_title_and_language_are_metadata():
    document = load(markdown_cell("# The *pumps*"), code_cell("1"), language="R")
    assert dict(document.metadata) == {"title": "The pumps", "kernel_language": "R"}


def test_errors_and_long_lines():
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'lid'", "traceback": ["…"]}
    assert "KeyError: 'lid'" in load(code_cell("x", error)).text
    long = {"output_type": "stream", "text": "word " * 10_000}
    assert len(load(code_cell("x", long)).text) < 2_100


def test_notebooks_of_format_3():
    old = {
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": "Pumps"},
                    {"cell_type": "code", "input": ["1 + 1"], "outputs": [{"text": ["2"]}]},
                ]
            }
        ]
    }
    text = load_one(json.dumps(old).encode(), "a.ipynb").text
    assert text == "## Pumps\n\n```\n1 + 1\n```\n\n```text\n2\n```"


def test_no_cells_no_text():
    with pytest.raises(EmptyDocumentError):
        load()


@pytest.mark.parametrize(
    "data",
    [b"no JSON", b"[]", b'{"cells": 1}', b"{}", b"[" * 100_000, json.dumps({"cells": {}}).encode()],
    ids=["words", "list", "number", "object", "deep", "object of cells"],
)
def test_malformed(data):
    with pytest.raises(DocumentError, match="not a notebook"):
        load_one(data, "a.ipynb")
