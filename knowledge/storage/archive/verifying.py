"""Opening an archive that may come from anybody: checked whole before anything is done with it."""

from __future__ import annotations

import contextlib
import hashlib
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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
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
    if sizes.get(MANIFEST, MAX_MANIFEST + 1) > MAX_MANIFEST:
        raise DamagedArchiveError(f"{name} has no {MANIFEST}, so it is no archive of datasets")
    with archive.open(MANIFEST) as file:
        datasets = parse_manifest(file.read(MAX_MANIFEST), name)
    told = {member.path: member.size for dataset in datasets for member in dataset.members}
    if unknown := sorted(sizes.keys() - told.keys() - {MANIFEST}):
        raise DamagedArchiveError(
            f"{name} has a member that its manifest does not name: {unknown[0]}"
        )
    for path, size in told.items():
        if sizes.get(path) != size:
            raise DamagedArchiveError(f"{name}: {path} is missing, or not as long as it should be")
    return datasets


def verify(archive: zipfile.ZipFile, dataset: ArchivedDataset) -> None:
    """Compare the members of a dataset with their hashes.

    Raises
    ------
    DamagedArchiveError
        One differs.
    """
    for member in dataset.members:
        if _digest(archive, member) != member.sha256:
            raise DamagedArchiveError(f"{archive.filename}: {member.path} is not what was exported")


def _digest(archive: zipfile.ZipFile, member: Member) -> str:
    digest, left = hashlib.sha256(), member.size
    with archive.open(member.path) as file:
        while left and (block := file.read(min(BLOCK, left))):  # never more than was declared
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
