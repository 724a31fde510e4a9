"""A data folder that is worth damaging, ways to damage a file, and what must come back."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.local.cache import EmbeddingCache
from tests.durability import programs
from tests.storage.command_lines import Ended

QUESTION = ("retrieve", "amber basil cedar", "--json", "-k", "5")


def cut(path: Path) -> None:
    """Cut off the second half."""
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    """Fill it with zeros."""
    path.write_bytes(bytes(path.stat().st_size))


def flip(path: Path) -> None:
    """Flip fifty bits."""
    chance, data = random.Random(9), bytearray(path.read_bytes())
    for _ in range(50 if data else 0):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def delete(path: Path) -> None:
    """Delete it."""
    path.unlink()


def unreadable(path: Path) -> None:
    """Put a folder in its place: even root can't read that as a file."""
    path.unlink()
    path.mkdir()


Damage = Callable[[Path], None]
DAMAGES: tuple[Damage, ...] = (cut, zero, flip, delete, unreadable)


@dataclass(frozen=True)
class Whole:
    """A whole data folder, the documents in it, others, and what a question finds."""

    docs: Path
    more: Path
    data: Path
    hits: list[tuple[str, float]]

    def copy(self, target: Path) -> Path:
        """Copy the data folder."""
        shutil.copytree(self.data, target)
        return target


def make_whole(home: Path) -> Whole:
    """Make two published generations, a second dataset, and a cache that holds something."""
    docs = programs.write_folder(home / "docs", 4, 4, seed=1)
    more = programs.write_folder(home / "more", 1, 2, seed=7, prefix="more")
    small = {"chunk_size": 40, "chunk_overlap": 0}
    settings = Settings.read(environ={}, folder=home, data_dir=str(home / "data"), **small)
    with KnowledgeBase(settings) as kb:
        kb.ingest(docs)
        programs.write_folder(docs, 1, 4, seed=2)
        kb.ingest(docs)
        kb.ingest(docs, "notes")
        found = [(hit.chunk.id, round(hit.cosine, 4)) for hit in kb.retrieve(QUESTION[1], top_k=5)]
    cache = EmbeddingCache(home / "data" / "embeddings.db", 10**8)
    vectors = np.eye(64, dtype=np.float32)
    cache.put_many("model", {bytes([row]) * 32: vector for row, vector in enumerate(vectors)})
    cache.close()
    return Whole(docs, more, home / "data", found)


def hits(done: Ended) -> list[tuple[str, float]]:
    """Return the hits of a question that was asked with ``--json``."""
    return [(hit["chunk_id"], round(hit["cosine"], 4)) for hit in done.json["hits"]]


def file_of(data: Path, name: str) -> Path:
    """Return a data folder's file: of the newest generation of the dataset ``default``."""
    newest = sorted(data.glob("datasets/default*/g*"))[-1]
    places = (data, data / "locks", newest, *newest.iterdir())
    [path] = [
        path
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if path.name == name or (name == ".lock" and path.match("default*.lock"))
    ]
    return path
