"""Columns that a question keeps beside the vectors: the next one reads these."""

from __future__ import annotations

import json
import stat
import zlib
from pathlib import Path

import numpy as np
import pytest

from knowledge import KnowledgeBase
from knowledge.storage import columns
from knowledge.storage.local.catalog import stored_columns
from tests.conftest import write_files

WORDS = ("amber", "basil", "cedar", "dill", "elder", "fennel")
DOCUMENTS = {
    f"{word}.txt": f"{word} {WORDS[at - 1]} and the {word}\n" for at, word in enumerate(WORDS)
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(columns, "WORTH_KEEPING", 1)
    monkeypatch.setattr(columns, "MANY", 0)
    write_files(tmp_path / "docs", DOCUMENTS)
    with KnowledgeBase.open(tmp_path / "data") as kb:
        kb.ingest(tmp_path / "docs")
    return tmp_path


def answer(home: Path, **options: object) -> list[tuple[object, ...]]:
    """Ask as a process of its own would: nothing is open."""
    with KnowledgeBase.open(home / "data") as kb:
        return [
            (word, hit.file, hit.chunk.id, hit.score, hit.cosine)
            for word in WORDS
            for hit in kb.retrieve(word, **options)
        ]


def kept(home: Path) -> Path:
    [path] = (home / "data").glob(f"datasets/*/g*/{stored_columns.NAME}")
    return path


def test_answers_with_them_are_the_answers_without(home: Path) -> None:
    for options in ({"mode": "dense"}, {"mode": "hybrid"}, {"mode": "keyword"}):
        first = answer(home, **options)
        assert stat.S_IMODE(kept(home).stat().st_mode) == 0o600
        assert answer(home, **options) == first
        kept(home).unlink()
        assert answer(home, **options) == first


def test_they_are_read_in_place_of_the_catalog(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = answer(home)

    def forbidden(*_: object) -> None:
        raise AssertionError("the catalog was asked for what is kept")

    for name in ("chunk_sizes", "file_sizes", "rows_with_ids"):
        monkeypatch.setattr(f"knowledge.storage.local.catalog.snapshot.Snapshot.{name}", forbidden)
    assert answer(home) == expected


def test_those_of_another_generation_are_not_taken(home: Path) -> None:
    answer(home)
    old = kept(home).read_bytes()
    write_files(home / "docs", {"amber.txt": "amber alone\n", "new.txt": "amber dill\n"})
    with KnowledgeBase.open(home / "data") as kb:
        kb.ingest(home / "docs")
        kb.upkeep.compact()
    expected = answer(home)
    place = kept(home)
    for path in (home / "data").glob("datasets/*/g*"):
        (path / stored_columns.NAME).write_bytes(old)
    assert answer(home) == expected
    assert place.read_bytes() != old


def forged(content: bytes, name: str, value: int) -> bytes:
    """Return columns with another number, whose checksum fits."""
    line, _, numbers = content.partition(b"\n")
    told = json.loads(line)
    values = np.frombuffer(numbers, "<i4").copy()
    at = ["rows", "tokens", "numbers", "order", "files", "file_rows"].index(name)
    values[sum(told["lengths"][:at])] = value
    told["crc32"] = zlib.crc32(values.tobytes())
    return json.dumps(told).encode() + b"\n" + values.tobytes()


@pytest.mark.parametrize("name", ["numbers", "order", "files"])
@pytest.mark.parametrize("value", [10**6, -(10**6)])
def test_numbers_that_lead_nowhere_are_not_followed(home: Path, name: str, value: int) -> None:
    expected = answer(home)
    kept(home).write_bytes(forged(kept(home).read_bytes(), name, value))
    assert answer(home) == expected


def test_what_is_not_whole_is_made_again(home: Path) -> None:
    expected = answer(home)
    whole = kept(home).read_bytes()
    flipped = [
        whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 61)
    ]
    torn = [b"", b"\n", whole[:-1], whole[:200], whole + b"\0\0\0\0", b"[" * 20_000, b"\xff" * 99]
    for content in [*torn, *flipped]:
        kept(home).write_bytes(content)
        assert answer(home)[:2] == expected[:2]
    kept(home).unlink()
    kept_folder = next((home / "data").glob("datasets/*/g*"))
    (kept_folder / stored_columns.NAME).mkdir()
    assert answer(home) == expected


def test_a_repair_forgets_them(home: Path) -> None:
    answer(home)
    path = kept(home)
    checksums = path.parent / "checksums.json"
    checksums.unlink()
    with KnowledgeBase.open(home / "data") as kb:
        report = kb.upkeep.doctor(fix=True)
    assert [one for one in report.findings if one.code == "checksums-missing"]
    assert not path.exists()
