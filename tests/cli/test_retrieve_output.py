"""Hits in the formats that other programs like, and the flags that refine them."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from tests.conftest import write_files

ASK = ("retrieve", "rotate the signing key", "-k", "3")


def test_json_lines(run, library):
    lines = run(*ASK, "--output", "jsonl").out.splitlines()
    assert [json.loads(line)["rank"] for line in lines] == [1, 2, 3]
    assert json.loads(lines[0]) == run(*ASK, "--json").json["hits"][0]
    assert run(*ASK, "--output", "json").json["hits"][0]["name"] == "keys.md"


def test_markdown(run, library):
    out = run(*ASK, "--output", "markdown").out
    assert f"`{library / 'keys.md'}:1-3`" in out
    assert "> Rotate the signing key every 90 days.\n" in out


def test_files(run, library):
    out = run(*ASK, "--output", "files").out
    assert out.splitlines()[0] == str(library / "keys.md")
    assert len(set(out.splitlines())) == 3


def test_csv(run, library):
    rows = list(csv.DictReader(io.StringIO(run(*ASK, "--output", "csv").out)))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert "every 90 days" in rows[0]["text"]


def test_xml_is_escaped(run, tmp_path):
    odd = 'A <b>bold</b> & "quoted" text with a bell \x07 and ]]> in it.'
    write_files(tmp_path / "odd", {'a "name" & <more>.txt': odd})
    assert run("ingest", tmp_path / "odd").code == 0
    (document,) = ElementTree.fromstring(run("retrieve", "bold", "--output", "xml").out)
    assert document.text.strip() == odd.replace("\x07", r"\x07")
    assert document.get("source").endswith('a "name" & <more>.txt:1')


@pytest.mark.parametrize(
    "arguments", [("--output", "yaml"), ("--output", "csv", "--json"), ("--mmr", "2")]
)
def test_what_does_not_fit(run, library, arguments):
    assert run(*ASK, *arguments).code == 2


def test_explanations(run, library):
    out = run(*ASK, "--explain").out
    assert "= score 1.000000 by the weighted sum" in out
    assert "words of the question: rotate, the, signing, key" in out
    told = run(*ASK, "--explain", "--json").json["hits"][0]["explanation"]
    assert any("BM25" in line for line in told)
    told = run(*ASK, "--explain", "--mode", "dense", "--json").json["hits"][0]["explanation"]
    assert "by cosine" in told[0]


def test_refining_flags(run, library):
    hit = run(*ASK, "--rerank", "bm25", "--max-per-file", "1", "--json").json["hits"][0]
    assert (hit["name"], hit["scores"]["rerank"]) == ("keys.md", hit["score"])
    assert run(*ASK, "--max-tokens", "1", "--json").json["hits"] == []
    outcome = run("askdir", "rotate the key", "-p", library, "--mmr", "0.5", "--output", "files")
    assert outcome.out.splitlines()[0] == str(library / "keys.md")


def test_folded_places_are_named(run, tmp_path):
    write_files(
        tmp_path / "twice", {"a.txt": "The moon has no air.", "b.txt": "The moon has no air."}
    )
    assert run("ingest", tmp_path / "twice").code == 0
    (hit,) = run("retrieve", "moon", "--json").json["hits"]
    assert {hit["file"], hit["also"][0]["file"]} == {
        str(tmp_path / "twice" / name) for name in ("a.txt", "b.txt")
    }
    assert "= also " in run("retrieve", "moon").out
    assert len(run("retrieve", "moon", "--no-fold", "--json").json["hits"]) == 2


def test_similar_and_show(run, library):
    hits = run("similar", library / "keys.md", "-k", "2", "--json").json["hits"]
    assert len(hits) == 2
    assert "keys.md" not in {hit["name"] for hit in hits}
    chunk = hits[0]["chunk_id"]
    assert run("show", chunk[:12], "--json").json["chunk"]["file"] == hits[0]["file"]
    assert run("show", chunk).out.startswith(hits[0]["citation"])
    for arguments in (("show", "0" * 32), ("show", "abc"), ("similar", "nothing.md")):
        assert run(*arguments, "--json").code == 3
    assert run("show", chunk, "--before", "-1").code == 2
