"""Texts lie compressed in the catalog; nobody who reads them sees it."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.knowledge_base import KnowledgeBase
from knowledge.storage.relational.packing import LEAST, UNREADABLE, packed, unpacked

LONG = (
    "The ferry to the island leaves at seven, and again at noon where the wind allows it. "
    "Tickets are sold on the quay; bicycles travel free, cars must be announced the day before. "
    "In winter there is one crossing a day, and none while the harbour is frozen over."
)


@given(st.text(max_size=40), st.integers(1, 40))
def test_each_text_comes_back(part: str, times: int) -> None:
    stored = packed(part * times)
    assert unpacked(stored) == part * times
    assert len(stored) <= len((part * times).encode())
    assert isinstance(stored, str) or len(part * times) >= LEAST


def test_what_is_damaged_is_no_text() -> None:
    stored = packed(LONG)
    assert isinstance(stored, bytes)
    for broken in (stored[:-1], stored[:40] + b"\xff" + stored[41:], b"", b"no zlib"):
        assert unpacked(broken) == UNREADABLE


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "ferry.md").write_text(LONG, encoding="utf-8")
    (folder / "short.md").write_text("Bread is baked on Fridays.", encoding="utf-8")
    return folder


def kinds(catalog: Path) -> list[str]:
    with closing(sqlite3.connect(catalog)) as sql:
        rows = sql.execute("SELECT typeof(text) FROM chunks ORDER BY length(text)")
        return [kind for (kind,) in rows]


def as_they_were(catalog: Path) -> None:
    """Store the texts as an older version did."""
    with closing(sqlite3.connect(catalog)) as sql, sql:
        sql.create_function("plain", 1, lambda packed: zlib.decompress(packed).decode())
        sql.execute("UPDATE chunks SET text = plain(text) WHERE typeof(text) = 'blob'")


def test_long_texts_are_compressed_and_found(tmp_path: Path, docs: Path) -> None:
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(docs)
        assert sorted(kinds(tmp_path / "data" / "catalog.db")) == ["blob", "text"]
        [first, *_] = kb.retrieve("bicycles on the ferry").hits
        assert first.text == LONG
        (docs / "ferry.md").write_text(LONG.replace("seven", "eight"), encoding="utf-8")
        kb.ingest(docs)
        assert "eight" in kb.retrieve("bicycles on the ferry").hits[0].text
        assert kb.upkeep.doctor(offline=True).findings == ()


def test_texts_of_an_older_version_are_read_and_compacted(tmp_path: Path, docs: Path) -> None:
    catalog = tmp_path / "data" / "catalog.db"
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(docs)
        as_they_were(catalog)
        assert kinds(catalog) == ["text", "text"]
        assert kb.retrieve("bicycles on the ferry").hits[0].text == LONG
        kb.upkeep.compact()
        assert sorted(kinds(catalog)) == ["blob", "text"]
        assert kb.retrieve("bicycles on the ferry").hits[0].text == LONG
        assert kb.upkeep.doctor(offline=True).findings == ()


def test_a_damaged_text_is_found_and_read_again(tmp_path: Path, docs: Path) -> None:
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(docs)
        with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as sql, sql:
            sql.execute("UPDATE chunks SET text = x'789cffff' WHERE typeof(text) = 'blob'")
        codes = {one.code for one in kb.upkeep.doctor(offline=True).findings}
        assert "text-damaged" in codes
        kb.upkeep.doctor(fix=True, offline=True)
        assert kb.retrieve("bicycles on the ferry").hits[0].text == LONG
        assert kb.upkeep.doctor(offline=True).findings == ()
