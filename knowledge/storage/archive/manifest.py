"""The manifest of an archive: what is in it, and how to know that it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedArchiveError, NewerArchiveError
from knowledge.model import Dataset, EmbedderSpec, SplitterSpec

if TYPE_CHECKING:
    from knowledge.storage.archive.fields import DatasetRecord

FORMAT = "knowledge-archive"
FORMAT_VERSION = 2
PLAIN_VERSION = 1
"""That of an archive without sparse vectors, which older versions of knowledge read as well."""
MANIFEST = "manifest.json"
MAX_MANIFEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the archive: its unpacked size in bytes and SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchivedDataset:
    """A dataset in an archive: its facts, and the members that hold it."""

    name: str
    generation: int
    files: int
    chunks: int
    embedding: EmbedderSpec | None
    splitter: SplitterSpec | None
    metadata: Mapping[str, Any]
    created_at: str
    updated_at: str
    members: tuple[Member, ...]
    sparse: EmbedderSpec | None = None

    @classmethod
    def of(cls, dataset: Dataset, members: tuple[Member, ...]) -> ArchivedDataset:
        """Describe a dataset."""
        return cls(
            dataset.name,
            dataset.generation,
            dataset.files,
            dataset.chunks,
            dataset.embedding,
            dataset.splitter,
            dataset.metadata,
            dataset.created_at.isoformat(),
            dataset.updated_at.isoformat(),
            members,
            dataset.sparse,
        )

    def member(self, part: str) -> Member:
        """Return the member that is called ``part``, such as ``files.jsonl``."""
        return next(member for member in self.members if member.path.endswith("/" + part))


def dump_manifest(datasets: list[ArchivedDataset]) -> bytes:
    """Return the manifest as it is stored."""
    described = [asdict(dataset) for dataset in datasets]
    for one in described:
        if one["sparse"] is None:
            del one["sparse"]
    plain = not any(dataset.sparse for dataset in datasets)
    content = {
        "format": FORMAT,
        "version": PLAIN_VERSION if plain else FORMAT_VERSION,
        "tool": f"knowledge {version('knowledge')}",
        "datasets": described,
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()


def parse_manifest(data: bytes, archive: str) -> list[ArchivedDataset]:
    """Read a manifest; nothing in it is believed unchecked.

    Raises
    ------
    NewerArchiveError
        A newer version wrote it.
    DamagedArchiveError
        It is no manifest, or does not fit itself.
    """
    from knowledge.storage.archive.fields import HeadRecord, ManifestRecord, parse

    place = f"{archive}: {MANIFEST}"
    head = parse(HeadRecord, data, place)
    if head.format != FORMAT or head.version < 1:
        raise DamagedArchiveError(f"{place}: format and version are not those of an archive")
    if head.version > FORMAT_VERSION:
        raise NewerArchiveError(
            f"{archive} has format {head.version}; this version of knowledge reads "
            f"format {FORMAT_VERSION}"
        )
    return [_dataset(record) for record in parse(ManifestRecord, data, place).datasets]


def _dataset(record: DatasetRecord) -> ArchivedDataset:
    facts = dict(record)
    facts["members"] = tuple(Member(**dict(member)) for member in record.members)
    if record.embedding and record.splitter:
        facts["embedding"] = EmbedderSpec(**dict(record.embedding))
        facts["splitter"] = SplitterSpec(**dict(record.splitter))
    if record.sparse:
        facts["sparse"] = EmbedderSpec(**dict(record.sparse))
    return ArchivedDataset(**facts)
