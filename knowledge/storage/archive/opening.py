"""Opening an archive that may come from anybody: checked whole before anything is done with it."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from knowledge.errors import DamagedArchiveError, PathNotFoundError
from knowledge.storage.archive.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    ArchivedDataset,
    Member,
    parse_manifest,
)

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
        raise DamagedArchiveError(f"{path} is not a whole archive: {error}") from error


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
            f"{name} has no {MANIFEST}, so it is not an archive of datasets"
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
