"""Archives that are only asked: unpacked once, beside the datasets, and kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from knowledge.private_files import private_files
from knowledge.storage.archive.importing import import_dataset
from knowledge.storage.archive.verifying import (
    manifest_bytes,
    open_archive,
    read_manifest,
    verify,
)
from knowledge.storage.building import build_dataset
from knowledge.storage.catalog import Catalog
from knowledge.storage.disk import obstacle, on_disk
from knowledge.storage.layout import DataFolder

KEPT = 3
"""Unpacked archives that stay; the one asked longest ago goes first."""
_CHECKS = b"2"
"""Raised with what is checked, so that nothing stays that fewer checks let in."""


def unpack_archive(
    path: Path,
    home: Path,
    notify: Callable[[str], None],
    spare: Callable[[], Path] | None = None,
) -> Path:
    """Return a data folder below ``home`` that holds what the archive holds.

    Parameters
    ----------
    spare:
        Makes the folder that takes its place where it can't be written.

    Raises
    ------
    PathNotFoundError
        There is no such file.
    DamagedArchiveError
        It is not whole, or was tampered with.
    """
    with open_archive(path) as archive:
        digest = hashlib.sha256(_CHECKS + manifest_bytes(archive)).hexdigest()[:24]
        target = home / digest
        if target.is_dir():
            with contextlib.suppress(OSError):  # it can't be written, and need not be
                os.utime(target)
            return target
        datasets = read_manifest(archive)
        for dataset in datasets:
            verify(archive, dataset)
        if spare is not None and obstacle(home):
            home = spare()
            target = home / digest
        with private_files(), on_disk(home):
            home.mkdir(parents=True, exist_ok=True)
        part = home / f"{digest}.{os.getpid()}.part"
        try:
            with Catalog(DataFolder(part)) as catalog:
                for dataset in datasets:
                    with build_dataset(
                        catalog, dataset.name, overwrite=False, lock_timeout=0, notify=notify
                    ) as (run, show):
                        import_dataset(archive, dataset, run)
                        show(
                            metadata=dataset.metadata,
                            generation=dataset.generation,
                            created_at=dataset.created_at,
                            updated_at=dataset.updated_at,
                        )
            if not target.is_dir():  # another process may have been faster
                part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    _forget_old(home)
    return target


def _forget_old(home: Path) -> None:
    folders = sorted(home.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
