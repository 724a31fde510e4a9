"""Archives that are only asked: unpacked once, beside the datasets, and kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge.errors import LockedError
from knowledge.files.private import private_files
from knowledge.storage.archive.importing import import_dataset
from knowledge.storage.archive.manifest import ArchivedDataset
from knowledge.storage.archive.opening import manifest_bytes, open_archive, read_manifest, verify
from knowledge.storage.disk import obstacle, on_disk
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.holding import Hold, remove_folder
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.store import ATTEMPTS

KEPT = 3
"""Unpacked archives that stay; the one asked longest ago goes first."""
_CHECKS = b"2"
"""Raised with what is checked, so that nothing stays that fewer checks let in."""


def unpack_archive(
    path: Path,
    home: Path,
    notify: Callable[[str], None],
    spare: Callable[[], Path] | None = None,
) -> Hold:
    """Hold a data folder below ``home`` in which is what the archive holds.

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
        for _ in range(ATTEMPTS):
            try:
                hold = Hold(target)
                with contextlib.suppress(OSError):  # it can't be written, and need not be
                    os.utime(target)
                break
            except FileNotFoundError:  # not there yet, or somebody has just removed it
                if spare is not None and obstacle(home):
                    home = spare()
                    target = home / digest
                _unpack(archive, read_manifest(archive), target, notify)
        else:
            raise LockedError(f"another process removes {target} again and again")
    _forget_old(home)
    return hold


def _unpack(
    archive: zipfile.ZipFile,
    datasets: Sequence[ArchivedDataset],
    target: Path,
    notify: Callable[[str], None],
) -> None:
    for dataset in datasets:
        verify(archive, dataset)
    with private_files(), on_disk(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with Catalog(DataFolder(part)) as catalog:
            for dataset in datasets:
                import_dataset(catalog, archive, dataset, lock_timeout=0, notify=notify)
        try:
            part.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _forget_old(home: Path) -> None:
    """Remove the archives that were asked longest ago; those in use stay."""
    folders = sorted(home.iterdir(), key=_last_asked, reverse=True)
    for folder in folders[KEPT:]:
        remove_folder(folder)


def _last_asked(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0  # it has just gone
