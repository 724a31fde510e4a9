"""Words written as one are found by their parts, in the languages that write so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge import KnowledgeBase

ROOT = Path(__file__).parents[2]
PAIRS = [
    json.loads(line)
    for line in (ROOT / "testdata" / "compounds.jsonl").read_text(encoding="utf-8").splitlines()
]
LANGUAGES = sorted({pair["language"] for pair in PAIRS})


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    home = tmp_path_factory.mktemp("compounds")
    with KnowledgeBase.open(home / "data") as kb:
        for language in LANGUAGES:
            folder = home / language
            folder.mkdir()
            own = [pair for pair in PAIRS if pair["language"] == language]
            for number, pair in enumerate(own):
                (folder / f"{number}.txt").write_text(pair["text"], encoding="utf-8")
            kb.ingest(folder, dataset=language, metadata={"language": language})
        yield kb


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_part_finds_the_compound(kb, language):
    own = [pair for pair in PAIRS if pair["language"] == language]
    first = 0
    for number, pair in enumerate(own):
        hits = kb.retrieve(pair["question"], datasets=language, mode="keyword", top_k=1)
        first += bool(hits) and hits[0].name == f"{number}.txt"
    assert first >= 0.8 * len(own)


def test_a_word_finds_all_its_compounds_and_a_compound_itself_first(kb):
    found = kb.retrieve("Schlüssel", datasets="de", mode="keyword")
    assert {hit.name for hit in found} == {"4.txt", "5.txt"}
    (one,) = kb.retrieve("Netzwerkschlüssel", datasets="de", mode="keyword")
    assert one.name == "4.txt"


def test_a_compound_that_no_passage_holds_counts_by_its_last_part(kb):
    (hit,) = kb.retrieve("Sonderpreis", datasets="de", mode="keyword", top_k=1)
    assert "Preis" in hit.text


def test_english_has_no_compounds(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("The microphone is on the table.")
    (tmp_path / "docs" / "b.txt").write_text("Das Haus ist nicht auf dem Berg und die Katze auch.")
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(tmp_path / "docs")
        assert not kb.retrieve("phone", mode="keyword")


def test_a_database_s_terms_are_looked_through_too(postgres, tmp_path):
    (tmp_path / "docs").mkdir()
    for number, pair in enumerate(PAIRS[:4]):
        (tmp_path / "docs" / f"{number}.txt").write_text(pair["text"], encoding="utf-8")
    with KnowledgeBase.open() as kb:
        kb.ingest(tmp_path / "docs", metadata={"language": "de"})
        for number, pair in enumerate(PAIRS[:4]):
            (hit,) = kb.retrieve(pair["question"], mode="keyword", top_k=1)
            assert hit.name == f"{number}.txt"
