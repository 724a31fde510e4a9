"""A disk without room, or one that can't be written, harms nothing that was published."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.durability.invariants import Published, check_clean, check_readable
from tests.storage.command_lines import CommandLines
from tests.storage.disks import fill, remount

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")


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


@pytest.mark.slow
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
            assert "full" in done.err, done.err
            assert "damaged" not in done.err
            check_same(data, before)
        else:
            break
    assert codes[0] == 1, "there was room"
    if codes[-1]:
        [done] = command_process.run(data, line)
        assert done.code == 0
    check_clean(data)
    assert not [path for path in disk.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "read-only" in done.err
    assert str(disk) in done.err
    remount(disk, "rw")
    check_same(data, before)
    [done] = command_process.run(data, line)
    assert done.code == 0
    check_clean(data)
