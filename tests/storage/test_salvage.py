"""Damaged pages of the catalog cost the texts that stood on them, and no others."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs

PAGE = 4096
LEAF = 0x0D
MOST_ON_A_PAGE = 30


def pages_with(catalog: Path, text: bytes) -> list[int]:
    """Return the numbers of the leaf pages of tables on which a text stands."""
    data = catalog.read_bytes()
    pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
    return [n for n, page in enumerate(pages) if n and page[0] == LEAF and text in page]


@pytest.mark.slow
def test_texts_between_damaged_pages_are_saved(tmp_path: Path) -> None:
    docs = programs.write_folder(tmp_path / "docs", 30, 10, seed=1)
    with KnowledgeBase.open(tmp_path / "data", chunk_size=40, chunk_overlap=0) as kb:
        kb.ingest(docs)
        shutil.rmtree(docs)
        catalog = tmp_path / "data" / "catalog.db"
        with closing(sqlite3.connect(catalog)) as sql:
            sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            texts = [row[0] for row in sql.execute("SELECT text FROM chunks ORDER BY row")]
        damaged = {pages_with(catalog, texts[at].encode())[0] for at in (30, 150, 270)}
        assert len(damaged) == 3
        with catalog.open("r+b") as file:
            for number in damaged:
                file.seek(number * PAGE)
                file.write(b"\xff" * PAGE)

        report = kb.upkeep.doctor(fix=True, offline=True)
        assert any(
            finding.code == "catalog-damaged" and finding.fixed for finding in report.findings
        )
        assert kb.datasets.get("default").chunks >= len(texts) - MOST_ON_A_PAGE * len(damaged)
