"""A disk without room, or one that can't be written, harms nothing that was published."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from tests.durability import programs
from tests.durability.invariants import Published, check_clean, check_readable
from tests.storage.command_lines import CommandLines

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")

QUESTION = ("retrieve", "amber basil", "--json")
SIZE = 6 * 1024 * 1024


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents, more documents, a data folder and an archive of it."""
    home = tmp_path_factory.mktemp("base")
    programs.write_folder(home / "docs", 3, 4, seed=1)
    programs.write_folder(home / "more", 8, 40, seed=2, prefix="more")
    with KnowledgeBase.open(home / "data", chunk_size=40, chunk_overlap=0) as kb:
        kb.ingest(home / "docs")
        kb.export_datasets("default", home / "all.zip")
    return home


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs more rights")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, left: int) -> Path:
    """Fill a file system but for some bytes."""
    free = shutil.disk_usage(disk).free
    filler = disk / "filler"
    filler.write_bytes(b"x" * max(0, free - left))
    return filler


def writers(base: Path, data: Path) -> dict[str, tuple[object, ...]]:
    return {
        "ingest": ("ingest", base / "more", "-q"),
        "import": ("import", base / "all.zip", "--as", "again"),
        "reembed": ("reembed", "default", "--force", "--embedding-model-provider", "static"),
        "export": ("export", "default", "--output", data.parent / "out.zip"),
    }


def check_same(data: Path, before: Published) -> None:
    """Check that what was published is whole."""
    after = check_readable(data)
    assert (after.generation, after.files) == (before.generation, before.files)


@pytest.mark.parametrize("command", ["ingest", "import", "reembed", "export"])
def test_a_full_disk(command_process: CommandLines, base: Path, disk: Path, command: str) -> None:
    data = disk / "data"
    shutil.copytree(base / "data", data)
    before = check_clean(data)
    line = writers(base, data)[command]
    codes = []
    for left in (0, 40_000, 200_000, 600_000):
        filler = fill(disk, left)
        [done] = command_process.run(data, line)
        codes.append(done.code)
        filler.unlink()
        if done.code:
            assert "room" in done.err or "full" in done.err, done.err
            check_same(data, before)
        else:
            break
    assert codes[0] == 1, "there was room"
    if codes[-1]:
        [done] = command_process.run(data, line)
        assert done.code == 0
    check_clean(data)
    assert not [path for path in disk.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("command", ["ingest", "import", "reembed", "export"])
def test_a_limit_of_file_sizes(
    command_process: CommandLines, base: Path, tmp_path: Path, command: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(base / "data", data)
    before = check_clean(data)
    line = writers(base, data)[command]
    codes = []
    for limit in (1_000, 30_000, 150_000, None):
        [done] = command_process.run(data, line, limit=limit)
        codes.append(done.code)
        if not done.code:
            break
        assert done.code == 1
        check_same(data, before)
    assert (codes[0], codes[-1]) == (1, 0)
    check_clean(data)


def remount(disk: Path, how: str) -> None:
    """Mount it anew; a file that is still open for writing keeps it from being read only."""
    for _ in range(50):
        gc.collect()
        if subprocess.run(["mount", "-o", f"remount,{how}", disk], check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.skip(f"{disk} can't be mounted {how}")


@pytest.mark.parametrize("command", ["ingest", "import", "reembed", "export"])
def test_a_folder_that_is_only_read(
    command_process: CommandLines, base: Path, disk: Path, command: str
) -> None:
    data = disk / "data"
    shutil.copytree(base / "data", data)
    before = check_clean(data)
    line = writers(base, data)[command]
    remount(disk, "ro")
    [done] = command_process.run(data, line)
    assert done.code == 1
    remount(disk, "rw")
    check_same(data, before)
    [done] = command_process.run(data, line)
    assert done.code == 0
    check_clean(data)
