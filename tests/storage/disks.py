"""File systems of a few megabytes, to be filled or mounted read-only, and another user."""

from __future__ import annotations

import gc
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 6 * 1024 * 1024
NOBODY = 65534
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of six megabytes at a folder."""
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


def remount(disk: Path, how: str) -> None:
    """Mount it anew; a file that is still open for writing keeps it from being read only."""
    for _ in range(50):
        gc.collect()
        if subprocess.run(["mount", "-o", f"remount,{how}", disk], check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.skip(f"{disk} can't be mounted {how}")


@contextmanager
def anybodys_folder() -> Iterator[Path]:
    """Give a folder that other users can get at, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def need_another_user() -> None:
    """Skip where no other user's process can be run."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("only root can run a process as another user")
    for place in (ROOT, Path(sys.prefix).resolve()):
        for folder in (place, *place.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                pytest.skip(f"another user may not enter {folder}")
