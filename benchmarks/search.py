"""How long a question takes inside one process, by size, mode and filter.

    python -m benchmarks.search [--chunks 10000 100000] [--questions 60] [--output FILE.md]

Datasets are built through the storage room: made-up words by Zipf's law, a hundred to a chunk, in
files of twenty chunks, and vectors of 256 dimensions. As in a folder that has grown, topics are of
very different sizes (Zipf's law again, so the first has thousands of times the chunks of the
last), and a third of all chunks are near duplicates of others. Questions come from all topics
alike, the small ones too: eight words of a chunk, common ones among them, and a vector near the
topic. Embedding the question, which takes a millisecond with ``static``, is left out. Each question
is new; ``first`` is the first one, which opens the index.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.embeddings.local.static import MODEL
from knowledge.model import Chunk, EmbedderSpec, Passage, SourceFile, SplitterSpec
from knowledge.retrieval.conditions import condition_of
from knowledge.retrieval.query import Query
from knowledge.retrieval.search.retriever import Retriever
from knowledge.storage.changes import ChunkDiff, FileChange
from knowledge.storage.identity import identify
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from knowledge.storage.relational.write_run import open_write_run

DIMENSIONS = 256
TOPICS = 300
NEAR_DUPLICATES = 1 / 3
VOCABULARY = 50_000
WORDS = 100
CHUNKS_IN_FILE = 20
TEAMS = ("support", "sales", "design", "research", "finance")
YEARS = range(2016, 2026)

CASES: Mapping[str, Mapping[str, Any]] = {
    "dense": {"mode": "dense"},
    "keyword": {"mode": "keyword"},
    "hybrid": {"mode": "hybrid"},
    "hybrid, half pass": {"mode": "hybrid", "where": "year >= 2021"},
    "hybrid, 10 % pass": {"mode": "hybrid", "where": "year >= 2021 and team = support"},
    "hybrid, 2 % pass": {
        "mode": "hybrid",
        "where": "year = 2021 and team = support",
        "files": ("*0.md", "*5.md"),
    },
    "hybrid, 10 files": {"mode": "hybrid", "files": ("0000?.md",)},
    "hybrid, -w": {"mode": "hybrid", "keywords": ("w7q",)},
}


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--data", type=Path, help="keep the datasets here, and use them again")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines = [
        "| chunks | search | first, ms | median, ms | 95th percentile, ms |",
        "|--:|---|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for chunks in options.chunks:
            folder = DataFolder((options.data or Path(scratch)) / str(chunks))
            corpus = Corpus(chunks)
            if not folder.catalog.exists():
                corpus.build(folder)
            for case, asked in CASES.items():
                lines.append(measured(folder, corpus, case, asked, options.questions))
                print(lines[-1], flush=True)
    if options.output:
        options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Corpus:
    """Made-up files and questions; the same for the same size."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks
        self._random = np.random.default_rng(chunks)
        weights = 1.0 / np.arange(1, VOCABULARY + 1)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._topics = self._random.normal(size=(TOPICS, DIMENSIONS)).astype(np.float32)
        sizes = 1.0 / np.arange(1, TOPICS + 1) ** 1.2
        self._topic_of = np.random.default_rng(1).choice(
            TOPICS, size=chunks // CHUNKS_IN_FILE + 1, p=sizes / sizes.sum()
        )

    def build(self, folder: DataFolder) -> None:
        """Write and publish the dataset ``default``."""
        started = time.perf_counter()
        with Catalog(folder) as catalog:
            catalog.ensure("default")
            with open_write_run(catalog, "default", lock_timeout=0, notify=print) as run:
                for number in range(self.chunks // CHUNKS_IN_FILE):
                    run.write_file(self._file(number))
                run.publish(EmbedderSpec("static", MODEL, DIMENSIONS), SplitterSpec())
        print(f"{self.chunks} chunks built in {time.perf_counter() - started:.0f} s")

    def questions(self, count: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield questions, each with its vector."""
        for _ in range(count):
            topic = int(self._random.integers(TOPICS))
            yield " ".join(self._words(8, topic)), self._vectors(topic, 1)[0]

    def name(self, number: int) -> str:
        """Return the name of a file."""
        return f"{number:05}.md"

    def text(self, number: int, ordinal: int, words: list[str]) -> str:  # noqa: ARG002
        """Return the text of a file's chunk, given its words."""
        return " ".join(words)

    def _file(self, number: int) -> FileChange:
        topic = int(self._topic_of[number])
        path = f"/made-up/{self.name(number)}"
        texts = [
            self.text(number, ordinal, self._words(WORDS, topic))
            for ordinal in range(CHUNKS_IN_FILE)
        ]
        passages = [
            Passage(ordinal, text, ordinal * 1_000, ordinal * 1_000 + len(text), tokens=2 * WORDS)
            for ordinal, text in enumerate(texts)
        ]
        file = SourceFile(
            id=f"{number:032x}",
            path=path,
            name=Path(path).name,
            size=1,
            mtime_ns=number,
            content_hash="",
            chunks=CHUNKS_IN_FILE,
            tokens=2 * WORDS * CHUNKS_IN_FILE,
            metadata={"title": f"File {number}"},
            given={"team": TEAMS[number % len(TEAMS)], "year": YEARS[number // 7 % len(YEARS)]},
            ingested_at=datetime.now(UTC),
        )
        added: list[Chunk] = identify(file.id, passages)
        return FileChange(file, ChunkDiff(added, [], [], 0), self._vectors(topic, CHUNKS_IN_FILE))

    def _words(self, count: int, topic: int) -> list[str]:
        """Return words by Zipf's law; a third of them from the topic's own part of it."""
        ranks = np.searchsorted(self._cumulated, self._random.random(count))
        own = self._random.random(count) < 1 / 3
        ranks = np.where(own, (ranks * TOPICS + topic) % VOCABULARY, ranks)
        return [f"w{rank:x}q" for rank in ranks]

    def _vectors(self, topic: int, count: int) -> np.ndarray:
        noise = self._random.normal(size=(count, DIMENSIONS)).astype(np.float32)
        copies = np.flatnonzero(self._random.random(count) < NEAR_DUPLICATES)
        noise[copies] = noise[0] + 0.03 * noise[copies]
        vectors = self._topics[topic] + noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measured(
    folder: DataFolder, corpus: Corpus, case: str, asked: Mapping[str, Any], questions: int
) -> str:
    """Return a row of the table, as a process that has asked nothing yet measures it."""
    vectors: dict[str, np.ndarray] = {}
    retriever = Retriever(LocalStore(folder), lambda _, text: vectors[text])
    options = {**asked, "where": condition_of(asked.get("where"))}
    times = []
    for text, vector in corpus.questions(questions + 1):
        vectors[text] = vector
        query = replace(Query(text), **options)
        started = time.perf_counter()
        retriever.retrieve(query)
        times.append((time.perf_counter() - started) * 1000)
    retriever.close()
    first, *rest = times
    late = statistics.quantiles(rest, n=20)[-1]
    return (
        f"| {corpus.chunks:,} | {case} | {first:.0f} | {statistics.median(rest):.1f} | {late:.1f} |"
    )


if __name__ == "__main__":
    main()
