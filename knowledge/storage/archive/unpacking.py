"""Archives that are only asked: unpacked once, beside the datasets, and kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from knowledge.errors import DamagedArchiveError, LockedError, PathNotFoundError
from knowledge.files.private import private_files
from knowledge.storage.archive.importing import import_dataset
from knowledge.storage.archive.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    ArchivedDataset,
    Member,
    parse_manifest,
)
from knowledge.storage.local.catalog.catalog import ATTEMPTS, Catalog
from knowledge.storage.local.disk import obstacle, on_disk
from knowledge.storage.local.holding import Hold, remove_folder
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.runs.building import build_dataset

# Opening an archive that may come from anybody: checked whole before anything is done with it.

BLOCK = 1024 * 1024
MAX_RATIO = 250
"""Unpacked bytes for each packed one; chunks that repeat themselves reach 100."""
_HARMLESS = 64 * 1024 * 1024  # bytes below which no ratio matters
_ENCRYPTED = 1


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises
    ------
    PathNotFoundError
        There is no such file.
    DamagedArchiveError
        It is no ZIP archive, or what is read from it while it is open is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise PathNotFoundError(f"{path} does not exist") from error
    except IsADirectoryError as error:
        raise PathNotFoundError(f"{path} is a folder, no archive") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise DamagedArchiveError(f"{path} is no whole archive: {error}") from error


def read_manifest(archive: zipfile.ZipFile) -> list[ArchivedDataset]:
    """Return what the archive says it holds, checked against its list of members.

    Raises
    ------
    DamagedArchiveError
        The manifest is missing or wrong, or there is a member too many, too few or of another
        size.
    NewerArchiveError
        A newer version wrote it.
    """
    name = str(archive.filename)
    infos = archive.infolist()
    sizes = {info.filename: info.file_size for info in infos}
    if len(sizes) != len(infos):
        raise DamagedArchiveError(f"{name} has two members of one name")
    for info in infos:
        _check_packing(info, name)
    datasets = parse_manifest(manifest_bytes(archive), name)
    told = {member.path: member.size for dataset in datasets for member in dataset.members}
    if unknown := sorted(sizes.keys() - told.keys() - {MANIFEST}):
        raise DamagedArchiveError(
            f"{name} has a member that its manifest does not name: {unknown[0]}"
        )
    for path, size in told.items():
        if sizes.get(path) != size:
            raise DamagedArchiveError(f"{name}: {path} is missing, or its size is another")
    return datasets


def manifest_bytes(archive: zipfile.ZipFile) -> bytes:
    """Return the manifest as it is stored.

    Raises
    ------
    DamagedArchiveError
        There is none, or it is longer than any manifest.
    """
    name = str(archive.filename)
    try:
        info = archive.getinfo(MANIFEST)
    except KeyError:
        raise DamagedArchiveError(
            f"{name} has no {MANIFEST}, so it is no archive of datasets"
        ) from None
    _check_packing(info, name)
    if info.file_size > MAX_MANIFEST:
        raise DamagedArchiveError(f"{name}: {MANIFEST} is longer than any manifest")
    with archive.open(info) as file:
        return file.read(MAX_MANIFEST)


def _check_packing(info: zipfile.ZipInfo, name: str) -> None:
    """Refuse what no export packs so: it may unpack to more than any disk holds."""
    packed_well = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not packed_well or info.flag_bits & _ENCRYPTED:
        raise DamagedArchiveError(f"{name}: {info.filename!r} is packed as no export packs it")
    if info.file_size > max(_HARMLESS, MAX_RATIO * info.compress_size):
        raise DamagedArchiveError(
            f"{name}: {info.filename!r} would unpack to {info.file_size:,} bytes, more than "
            f"{MAX_RATIO} times its size"
        )


def verify(archive: zipfile.ZipFile, dataset: ArchivedDataset) -> None:
    """Prove all of a dataset: its members by their hashes, their contents by what they must be.

    Raises
    ------
    DamagedArchiveError
        A member is not what was exported, or holds what can't be imported.
    """
    from knowledge.storage.archive.contents import read_files

    for member in dataset.members:
        if _digest(archive, member) != member.sha256:
            raise DamagedArchiveError(
                f"{archive.filename}: {member.path} is not what was exported: its sha256 is another"
            )
    for _ in read_files(archive, dataset):
        pass


def _digest(archive: zipfile.ZipFile, member: Member) -> str:
    digest, left = hashlib.sha256(), member.size
    with archive.open(member.path) as file:
        while left and (block := file.read(min(BLOCK, left))):  # never more than was declared
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


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
