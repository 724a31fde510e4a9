"""Ids of files and chunks: hashes of what they are, so that the same content keeps its id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from hashlib import sha256

from knowledge.model import Chunk, Passage

MOST_REPEATS = 100_000
MOST_LOST = 16
"""Repeats of a text that a file may have lost; they leave a gap in the numbers."""


def new_file_id(path: str, taken: Container[str]) -> str:
    """Return the id of a file first seen at ``path``; a moved file keeps the one it has.

    ``taken`` holds the ids of the dataset's other files: the path may have belonged to a file
    that has moved away.
    """
    attempt = 0
    while (file_id := _digest(f"{path}\0{attempt}" if attempt else path)) in taken:
        attempt += 1
    return file_id


def identify(file_id: str, passages: Iterable[Passage]) -> list[Chunk]:
    """Give each passage its id: a hash of file id, embedded text and occurrence of that text."""
    seen: Counter[str] = Counter()
    chunks = []
    for passage in passages:
        text = passage.embedding_text
        chunk_id = _chunk_id(file_id, text, seen[text])
        seen[text] += 1
        chunks.append(Chunk(chunk_id, file_id, passage))
    return chunks


def is_own_id(chunk: Chunk) -> bool:
    """Tell whether a chunk still has the text, and the headings, that gave it its id."""
    text = chunk.passage.embedding_text
    # Which repeat it was is not stored; there were no more than passages before it.
    repeats = min(max(chunk.passage.ordinal, 0) + MOST_LOST, MOST_REPEATS)
    return any(_chunk_id(chunk.file_id, text, number) == chunk.id for number in range(repeats))


def garbled(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield those of one file's chunks that are not what gave them their ids.

    Parameters
    ----------
    chunks:
        All of the file, in order: the number of a repeat follows from those before.
    """
    seen: Counter[str] = Counter()
    for chunk in chunks:
        text = chunk.passage.embedding_text
        first = seen[text]
        seen[text] += 1
        numbers = range(first, first + MOST_LOST)
        if not any(_chunk_id(chunk.file_id, text, number) == chunk.id for number in numbers):
            yield chunk


def _chunk_id(file_id: str, text: str, repeat: int) -> str:
    return _digest(f"{file_id}\0{repeat}\0{text}")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
