"""Filters, through the knowledge base."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import write_files

TEXTS = {
    "guides/vpn.md": "---\ntags: [vpn, office]\nyear: 2021\n---\n# VPN\n\nThe key opens the VPN.",
    "guides/printer.md": "---\nyear: 2019\ndate: 2019-03-04\n---\nThe key opens the printer.",
    "notes.txt": "The key opens the safe.",
    "old/Notes 2.txt": "The KEY opens the shed.",
}
MODES = ("dense", "keyword", "hybrid")


@pytest.fixture
def kb(asked_of):
    return asked_of(TEXTS)


@pytest.fixture
def own(knowledge_of):
    """One that this test may change."""
    return knowledge_of(TEXTS)


def found(kb, **options):
    """Return the names of what each mode finds, which must be the same."""
    sets = [{hit.name for hit in kb.retrieve("key", mode=mode, **options)} for mode in MODES]
    assert sets[0] == sets[1] == sets[2]
    return sets[0]


ALL = {Path(name).name for name in TEXTS}


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("year >= 2020", {"vpn.md"}),
        ("year exists", {"vpn.md", "printer.md"}),
        ("tags contains VPN or date < 2020-01-01", {"vpn.md", "printer.md"}),
        ("(tags = vpn or tags = other) and year in (2021, 2022)", {"vpn.md"}),
        ("year != 2021", ALL - {"vpn.md"}),
        ({"year": 2019}, {"printer.md"}),
        (["year > 2000", "year < 2020"], {"printer.md"}),
        ("title = VPN", {"vpn.md"}),
        ("year = 1", set()),
    ],
)
def test_where(kb, where, names):
    assert found(kb, where=where) == names


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ("*.md", {"vpn.md", "printer.md"}),
        ("guides", {"vpn.md", "printer.md"}),
        (["notes.txt", "guides/v*"], {"notes.txt", "vpn.md"}),
        ("Notes 2.txt", {"Notes 2.txt"}),
        ("*.pdf", set()),
    ],
)
def test_files(kb, files, names):
    assert found(kb, files=files) == names


def test_a_file_by_its_whole_path(kb):
    path = next(file.path for file in kb.files.list() if file.name == "vpn.md")
    assert found(kb, files=path) == {"vpn.md"}


@pytest.mark.parametrize(
    ("keywords", "names"),
    [
        (["vpn"], {"vpn.md"}),
        (["SAFE", "shed"], {"notes.txt", "Notes 2.txt"}),
        (["-the key"], set()),
        (["-s"], set()),
        (["opens", "-printer", "-vpn"], {"notes.txt", "Notes 2.txt"}),
    ],
)
def test_keywords(kb, keywords, names):
    assert found(kb, keywords=keywords) == names


def test_times(own, knowledge_of):
    folder = own._shared.store.root.parent / "docs" / "default"
    os.utime(folder / "notes.txt", (0, 1_000_000_000))  # 2001-09-09
    os.utime(folder / "guides" / "vpn.md", (0, time.time() - 86_400 * 3))
    knowledge_of({})
    assert found(own, until="2001-09-10") == {"notes.txt"}
    assert found(own, until="2001-09-07") == set()
    assert found(own, since="7d", until="2d") == {"vpn.md"}
    assert found(own, since="2d") == ALL - {"notes.txt", "vpn.md"}
    assert found(own, since="2001-09-11") == ALL - {"notes.txt"}


def test_all_filters_together(own):
    assert found(own, where="year exists", files="*.md", keywords=["printer"], since="1d") == {
        "printer.md"
    }


def test_a_chunks_own_metadata_wins(own):
    with own._shared.store.open() as catalog, catalog.transaction():
        catalog.connection.execute(
            "UPDATE chunks SET metadata = '{\"year\": 1999}' WHERE text LIKE '%VPN%'"
        )
    own.close()
    assert found(own, where="year = 1999") == {"vpn.md"}
    assert found(own, where="year = 2021") == set()
    assert found(own, where="tags = vpn") == {"vpn.md"}
    (hit,) = own.retrieve("key", where="year = 1999")
    assert hit.metadata["year"] == 1999


def test_metadata_that_was_given_anew_counts_at_once(own, knowledge_of):
    assert found(own, where="team = support") == set()
    knowledge_of({}, metadata={"team": "support"})
    assert found(own, where="team = support") == ALL


def test_a_filter_that_lets_nothing_near_through_still_finds(knowledge_of):
    """What passes is far from the question, and not among the candidates without a filter."""
    files = {f"near{number}.txt": f"The red key number {number}." for number in range(120)}
    files["far.md"] = "Lunch is served at noon."
    kb = knowledge_of(files)
    for mode in ("dense", "hybrid"):
        hits = kb.retrieve("the red key", mode=mode, files="*.md")
        assert [hit.name for hit in hits] == ["far.md"]
    assert kb.retrieve("the red key", mode="keyword", files="*.md") == []


def test_several_datasets_are_filtered_alike(kb, tmp_path):
    write_files(tmp_path / "more", {"vpn.md": "---\nyear: 2021\n---\nAnother key of a VPN."})
    kb.ingest(tmp_path / "more", "more")
    hits = kb.retrieve("key", ["default", "more"], where="year = 2021")
    assert sorted(hit.dataset for hit in hits) == ["default", "more"]


def test_a_filter_that_comes_again_gives_the_same(knowledge_of):
    files = {f"{number}.{'md' if number % 2 else 'txt'}": f"key {number}" for number in range(40)}
    kb = knowledge_of(files)
    options = {"files": "*.md", "fold": False}
    first, *others = [kb.retrieve("key 7", mode="hybrid", **options) for _ in range(4)]
    assert len(first) == 10
    assert others == [first] * 3
    assert {hit.name for hit in kb.retrieve("key 7", files="*.txt", fold=False)}.isdisjoint(
        hit.name for hit in first
    )
