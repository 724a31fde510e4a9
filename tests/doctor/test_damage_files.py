"""Each file of a data folder, damaged in each way: words or work, and the doctor brings it back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.doctor.damage import (
    DAMAGES,
    QUESTION,
    Damage,
    Whole,
    cut,
    delete,
    file_of,
    flip,
    hits,
    unreadable,
    zero,
)
from tests.durability.invariants import check_clean
from tests.storage.command_lines import CommandLines

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")

FILES = (
    "catalog.db",
    "embeddings.db",
    "chroma.sqlite3",
    "data_level0.bin",
    "header.bin",
    "index_metadata.pickle",
    "length.bin",
    "link_lists.bin",
    "checksums.json",
    "dataset.json",
    ".lock",
)
QUICK = {("catalog.db", flip), ("chroma.sqlite3", cut), ("data_level0.bin", flip)}
LOST = {("catalog.db", damage) for damage in (cut, zero, delete, unreadable)}
"""After these the texts come back with the next ingest only: a cut takes inner pages as well."""
CASES = [
    pytest.param(
        name,
        damage,
        id=f"{name}-{damage.__name__}",
        marks=() if (name, damage) in QUICK else pytest.mark.slow,
    )
    for name in FILES
    for damage in DAMAGES
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "damage"), CASES)
def test_commands_end_in_words_or_work(
    whole: Whole, command_process: CommandLines, tmp_path: Path, name: str, damage: Damage
) -> None:
    data = whole.copy(tmp_path / "data")
    damage(file_of(data, name))
    *_, fixed = command_process.run(
        data,
        ("list-datasets",),
        ("get-dataset", "default"),
        ("list-files",),
        ("status",),
        ("history", "default"),
        QUESTION,
        ("export", "default", "--output", tmp_path / "out.zip"),
        ("ingest", whole.more, "--quiet"),
        ("compact",),
        ("gc",),
        ("doctor", "--fix"),
    )
    assert fixed.code == 0, fixed.out
    assert not list(data.glob("datasets/*/candidate*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"), [case for case in CASES if case.values[1] in (cut, flip, delete)]
)
def test_the_doctor_brings_it_back(
    whole: Whole, command_process: CommandLines, tmp_path: Path, name: str, damage: Damage
) -> None:
    data = whole.copy(tmp_path / "data")
    damage(file_of(data, name))
    fixed, again, asked, _, asked_again = command_process.run(
        data,
        ("doctor", "--fix", "--json"),
        ("doctor", "--json"),
        QUESTION,
        ("ingest", whole.docs, "-q"),
        QUESTION,
    )
    assert fixed.code == 0, fixed.out
    assert again.code == 0, again.out
    if (name, damage) not in LOST:
        assert hits(asked) == whole.hits
    assert hits(asked_again) == whole.hits
    check_clean(data)


@pytest.mark.slow
def test_a_check_changes_nothing(
    whole: Whole, command_process: CommandLines, tmp_path: Path
) -> None:
    data = whole.copy(tmp_path / "data")
    flip(file_of(data, "header.bin"))
    first, second = command_process.run(data, ("doctor", "--json"), ("doctor", "--json"))
    assert (first.code, second.code) == (7, 7)
    assert first.json == second.json
    [finding] = [one for one in first.json["findings"] if one["severity"] == "damage"]
    assert (finding["code"], finding["subject"]) == ("index-damaged", "default")
    assert "header.bin" in finding["message"]
    assert not (data / "backups").exists()
