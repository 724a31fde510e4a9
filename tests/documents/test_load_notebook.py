import json

import pytest

from knowledge.documents.loaders.notebook import OUTPUT_LINES
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import TextKind
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
