"""The manifest of an archive: what is in it, and how to know that it is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from knowledge.errors import DamagedArchiveError, NewerArchiveError
from knowledge.model import Dataset, EmbedderSpec, SplitterSpec
from knowledge.storage.layout import check_name

FORMAT = "knowledge-archive"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST = 16 * 1024 * 1024
PARTS = ("files.jsonl", "chunks.jsonl", "vectors.f32")
_FOLDER = re.compile(r"datasets/\d{4,}")


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
        )

    def member(self, part: str) -> Member:
        """Return the member that is called ``part``, such as ``files.jsonl``."""
        return next(member for member in self.members if member.path.endswith("/" + part))


def dump_manifest(datasets: list[ArchivedDataset]) -> bytes:
    """Return the manifest as it is stored."""
    content = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "tool": f"knowledge {version('knowledge')}",
        "datasets": [asdict(dataset) for dataset in datasets],
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
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise ValueError("another format")
        if content["version"] != FORMAT_VERSION:
            raise NewerArchiveError(
                f"{archive} has format {content['version']}; this version of knowledge reads "
                f"format {FORMAT_VERSION}"
            )
        datasets = [_dataset(entry) for entry in content["datasets"]]
    except NewerArchiveError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedArchiveError(f"{archive}: its manifest can't be read: {error}") from error
    names = [dataset.name for dataset in datasets]
    if len(set(names)) != len(names):
        raise DamagedArchiveError(f"{archive}: its manifest names a dataset twice")
    return datasets


def _dataset(entry: Mapping[str, Any]) -> ArchivedDataset:
    members = tuple(
        Member(str(item["path"]), _count(item["size"]), str(item["sha256"]))
        for item in entry["members"]
    )
    folders = {member.path.rpartition("/")[0] for member in members}
    parts = sorted(member.path.rpartition("/")[2] for member in members)
    if parts != sorted(PARTS) or len(folders) != 1 or not _FOLDER.fullmatch(next(iter(folders))):
        raise ValueError("a dataset's members are not files, chunks and vectors")
    embedding, splitter = entry["embedding"], entry["splitter"]
    dataset = ArchivedDataset(
        name=check_name(entry["name"]),
        generation=_count(entry["generation"]),
        files=_count(entry["files"]),
        chunks=_count(entry["chunks"]),
        embedding=EmbedderSpec(**embedding) if embedding else None,
        splitter=SplitterSpec(**splitter) if splitter else None,
        metadata=dict(entry["metadata"]),
        created_at=str(entry["created_at"]),
        updated_at=str(entry["updated_at"]),
        members=members,
    )
    dimensions = (dataset.embedding.dimensions if dataset.embedding else None) or 0
    if dataset.member("vectors.f32").size != dataset.chunks * dimensions * 4:
        raise ValueError("the vectors do not fit the chunks")
    return dataset


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
