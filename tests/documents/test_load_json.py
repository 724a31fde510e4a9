import json

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import EmptyDocumentError
from knowledge.model import SplitterSpec, TextKind
from tests.documents.makers import load_one


def test_json_in_lines_keeps_them():
    text = '{\n  "name": "pump",\n  "parts": [\n    "lid"\n  ]\n}\n'
    document = load_one(text.encode(), "a.json")
    assert (document.text, document.has_lines) == (text, True)
    (passage,) = split(document, SplitterSpec())
    assert passage.cite("a.json") == "a.json:1-6"


def test_members_of_the_outermost_object_lead_to_their_lines():
    value = {
        key: {f"{key}_{n}": f"the value number {n}" for n in range(8)} for key in ("one", "two")
    }
    document = load_one(json.dumps(value, indent=2).encode(), "a.json")
    found = split(document, SplitterSpec(120, 0))
    assert {passage.heading for passage in found} == {("one",), ("two",)}
    assert found[0].cite("a.json").startswith("a.json:1-")


def test_json_in_one_line_gets_lines_and_keeps_its_numbers():
    rows = ", ".join(
        f'{{"id": {n}, "price": 1.{n:03}0, "tags": ["a, b", "{{"]}}' for n in range(99)
    )
    document = load_one(f'{{"rows": [{rows}]}}'.encode(), "a.json")
    assert not document.has_lines
    assert '\n  {"id": 7, "price": 1.0070, "tags": ["a, b", "{"]},\n' in document.text
    assert json.loads(document.text)["rows"][98]["id"] == 98
    for passage in split(document, SplitterSpec()):
        assert passage.line_start is None


@pytest.mark.parametrize("text", ['{"a": ' * 3000, "[" * 3000, '"' + "x" * 3000, "]" * 3000])
def test_broken_json_loses_nothing(text):
    shown = load_one(text.encode(), "a.json").text
    assert "".join(shown.split()) == "".join(text.split())


def test_escapes_become_characters():
    text = json.dumps({"city": "Zürich 東京 \N{GRINNING FACE}", "path": "C:\\u00e9", "tab": "\t"})
    shown = load_one(text.encode(), "a.json").text
    assert "Zürich 東京 \N{GRINNING FACE}" in shown
    assert json.loads(shown) == json.loads(text)


def test_json_lines_are_records():
    lines = [json.dumps({"id": n, "text": "words and more words", "city": "é"}) for n in range(40)]
    document = load_one("\n".join(lines).encode(), "a.jsonl")
    assert (document.kind, document.has_lines) == (TextKind.RECORDS, True)
    found = split(document, SplitterSpec(100, 20))
    for passage in found:
        assert passage.text.count("\n") == passage.line_end - passage.line_start
        for line in passage.text.split("\n"):
            assert json.loads(line)["city"] == "é"
    assert found[0].cite("a.jsonl").startswith("a.jsonl:1-")
    assert sum(passage.text.count("\n") + 1 for passage in found) == 40


def test_a_record_too_long_is_cut_alone():
    lines = ['{"id": 1}', json.dumps({"id": 2, "text": "word " * 200}), '{"id": 3}']
    found = split(load_one("\n".join(lines).encode(), "a.ndjson"), SplitterSpec(50, 0))
    assert (found[0].text, found[-1].text) == (lines[0], lines[2])
    assert {(passage.line_start, passage.line_end) for passage in found[1:-1]} == {(2, 2)}


STRUCTURED = {
    "metadata": {"source": "crawl", "nested": {"a": 1}},
    "documents": [
        {"metadata": {"page": 1, "tags": ["a", "b"]}, "content": "# Pumps\n\nThe first text."},
        {"metadata": {"page": 2}, "content": ""},
        {"content": "The third text."},
    ],
}


def test_the_structured_form_gives_its_documents():
    loaded = load(json.dumps(STRUCTURED).encode(), "a.json")
    assert loaded.metadata == {"source": "crawl"}
    first, third = loaded.documents  # the second holds no text
    assert (first.member, dict(first.metadata)) == ("documents/1", {"page": 1, "tags": ["a", "b"]})
    assert (third.member, third.text, dict(third.metadata)) == (
        "documents/3",
        "The third text.",
        {},
    )
    (passage,) = split(first, SplitterSpec())
    assert passage.cite("a.json") == "a.json!/documents/1"
    assert passage.heading == ("Pumps",)


def test_the_structured_form_without_text_is_empty():
    for documents in ([], [{"content": " "}]):
        with pytest.raises(EmptyDocumentError):
            load(json.dumps({"metadata": {}, "documents": documents}).encode(), "a.json")


@pytest.mark.parametrize(
    "value",
    [
        {"documents": []},
        {"documents": [{"content": 1}]},
        {"documents": [{"content": "x", "metadata": 3}]},
        {"documents": [{"content": "x"}], "more": 1},
        [{"documents": [{"content": "x"}]}],
    ],
)
def test_what_only_looks_structured_is_json(value):
    document = load_one(json.dumps(value).encode(), "a.json")
    assert (document.loader, document.member) == ("json", "")
