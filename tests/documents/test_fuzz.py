"""Damaged files of each binary format go through the ingest's reader: none stops or hangs it."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from knowledge.documents.options import LoadOptions
from knowledge.ingestion.workers.crew import LocalCrew
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import FileStatus, SplitterSpec
from tests.documents.fuzz_seeds import SEEDS, damaged

pytestmark = pytest.mark.slow

EACH = 120
SECONDS = 60.0
LOST = re.compile("its reader|took longer|of memory")
OUTCOMES = {FileStatus.INGESTED, FileStatus.EMPTY, FileStatus.UNSUPPORTED, FileStatus.FAILED}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[LoadedFile]]:
    """All damaged files of all formats, read in one run; lists by format."""
    folder = tmp_path_factory.mktemp("fuzz")
    options = LoadOptions(max_text=16 << 20, ocr="off")
    tasks = []
    for format_, make in SEEDS.items():
        seed = make()
        chance = random.Random(f"damage of {format_}")
        for number in range(EACH):
            path = folder / f"{format_}-{number:03}" / f"file.{format_}"
            path.parent.mkdir()
            path.write_bytes(damaged(seed, chance))
            tasks.append(LoadTask(str(path), str(path), SplitterSpec(), 1 << 30, options))
    found: dict[str, list[LoadedFile]] = {format_: [] for format_ in SEEDS}
    for file in LocalCrew(2, SECONDS, 1024 << 20).load_files(tasks):
        found[Path(file.task.path).parent.name.rpartition("-")[0]].append(file)
    return found


@pytest.mark.parametrize("format_", SEEDS)
def test_each_damaged_file_has_an_outcome(outcomes, format_) -> None:
    files = outcomes[format_]
    assert len({file.task.path for file in files}) == len(files) == EACH
    counts = Counter(file.status for file in files)
    assert set(counts) <= OUTCOMES
    for file in files:
        assert bool(file.passages) == (file.status is FileStatus.INGESTED)
        assert file.reason or file.passages
    lost = [file.reason for file in files if LOST.search(file.reason)]
    assert not lost, "it took a worker process with it"


@pytest.mark.parametrize("format_", SEEDS)
def test_the_whole_file_is_read(tmp_path, format_) -> None:
    """Else the damage would be done to files that are not read at all."""
    path = tmp_path / f"file.{format_}"
    path.write_bytes(SEEDS[format_]())
    task = LoadTask(str(path), path.name, SplitterSpec(), 1 << 30, LoadOptions(ocr="off"))
    (file,) = LocalCrew(1, SECONDS, 1024 << 20).load_files([task])
    assert (file.status, file.problems) == (FileStatus.INGESTED, ())
