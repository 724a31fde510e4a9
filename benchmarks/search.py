"""``search``: how long a question takes inside one process, by size, mode and filter.

    python -m benchmarks.search [--chunks 10000 100000 1000000] [--questions 30] [--data DIR]

The suite runs it as ``python -m benchmarks search``. Datasets are built through the storage room:
made-up words by Zipf's law, a hundred to a chunk, in files of twenty chunks, and vectors of 256
dimensions. As in a folder that has grown, topics are of very different sizes (Zipf's law again, so
the first has thousands of times the chunks of the last), and a third of all chunks are near
duplicates of others. Questions come from all topics alike, the small ones too: eight words of a
chunk, common ones among them, and a vector near the topic. Embedding the question, which takes a
millisecond with ``static``, is left out. Each question is new; ``first`` is the first one, which
opens the index. Each case runs in a process of its own, whose memory is told: its own, and what it
maps of files.

Above ``LINKED`` chunks the vectors have no links (``made_index``): a pass over all reads none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.made_index import unlinked
from benchmarks.report import Result
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
from knowledge.storage.local.vectors import chroma, flat_index
from knowledge.storage.local.vectors.flat_index import FlatIndex
from knowledge.storage.relational.write_run import open_write_run
from knowledge.storage.terms import COUNTS
from knowledge.text.terms import split, variants

if TYPE_CHECKING:
    from benchmarks.programs import Options

SIZES = (10_000, 100_000, 1_000_000)
LINKED = 100_000
"""Chunks up to which Chroma builds its graph."""
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


GRAPH = "dense, by the graph"
"""The same where there are too many vectors to compare each, which is made so here."""
TABLE = ("dense", "keyword", "hybrid", "hybrid, 10 % pass")
"""The cases of the suite; the graph's is added where there is one."""
COLUMNS = (
    "chunks",
    "search",
    "first, ms",
    "median, ms",
    "95th percentile, ms",
    "memory, own + mapped, MB",
    "recall@10",
)


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--data", type=Path, help="keep the datasets here, and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = _rows(options.chunks, options.questions, options.data or Path(scratch), list(CASES))
        print("\n".join(" | ".join(row) for row in [COLUMNS, *rows]))


def search(options: Options) -> Result:
    """Measure questions inside one process, and recall against exact search."""
    asked = 3 if options.small else 30
    sizes = [options.size(full, 1_000) for full in (SIZES[:1] if options.small else SIZES)]
    rows = _rows(sizes, asked, options.scratch, TABLE)
    exact = [float(row[-1]) for row in rows if row[1] == "dense"]
    graph = [f"{float(row[-1]):.3f} at {row[0]}" for row in rows if row[1] == GRAPH]
    most, bytes_of_one = flat_index.EXACT_BYTES, 4 * DIMENSIONS + 140
    gives_way = (
        f"exact search gives way at {most / 2**30:.0f} GiB: {most / bytes_of_one / 1e6:.1f} "
        f"million vectors of {DIMENSIONS} dimensions"
    )
    return Result(
        "search",
        "Questions inside one process, made-up chunks on topics of very different sizes, a third "
        "of them near duplicates, 256 dimensions.",
        "recall@10 1.0 where search is exact, at least 0.99 above; 25 ms for hybrid at 100,000",
        COLUMNS,
        rows,
        [
            f"recall@10 of exact search: {min(exact):.4f}",
            f"recall@10 of the graph, {flat_index.WIDTH:,} candidates compared: {', '.join(graph)}",
            gives_way,
        ],
        {"questions": asked},
    )


def _rows(
    sizes: Sequence[int], questions: int, data: Path, cases: Sequence[str]
) -> list[list[str]]:
    rows = []
    for chunks in sizes:
        folder = DataFolder(data / str(chunks))
        if not folder.catalog.exists():
            Corpus(chunks).build(folder)
            os.sync()  # what is still on the way to the disk would slow the first questions
        for case in [*cases, *([GRAPH] if chunks <= LINKED else [])]:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                measure = alone.submit(measured, folder.root, chunks, case, questions).result()
            rows.append([f"{chunks:,}", case, *measure.cells()])
            print(" | ".join(rows[-1]), flush=True)
    return rows


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
        chroma.PART_BYTES = 2**40  # one graph, which is searched too
        vectors = None if self.chunks <= LINKED else unlinked(folder)
        with Catalog(folder, vectors) as catalog:
            catalog.ensure("default")
            with open_write_run(catalog, "default", lock_timeout=0, notify=print) as run:
                for number in range(self.chunks // CHUNKS_IN_FILE):
                    run.write_file(self._file(number))
                run.publish(EmbedderSpec("static", MODEL, DIMENSIONS), SplitterSpec())
        print(f"{self.chunks} chunks built in {time.perf_counter() - started:.0f} s", flush=True)

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
        vectors = self._vectors(topic, CHUNKS_IN_FILE)
        terms = {chunk.id: self._terms_of(chunk.passage.text) for chunk in added}
        return FileChange(file, ChunkDiff(added, [], [], 0), vectors, terms)

    def _terms_of(self, text: str) -> str:
        """Return the terms of a chunk as :func:`terms_of` does; empty where it has other words.

        The made-up words are few, so that to look them up takes a tenth of the time.
        """
        known = self._terms
        counted = Counter([known.get(word, "") for word in text.split()])
        if "" in counted:
            return ""
        found = list(counted)
        for least in COUNTS[1:]:
            found += [f"{term}={least}" for term, times in counted.items() if times >= least]
        return " ".join(found)

    @cached_property
    def _terms(self) -> dict[str, str]:
        words = [f"w{rank:x}q" for rank in range(VOCABULARY)]
        return {word: next(iter(variants(split(word), ["english"])))[0] for word in words}

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


@dataclass(frozen=True)
class Measure:
    """What one case took.

    Parameters
    ----------
    times:
        Milliseconds of each question, the first one first.
    own, mapped:
        Bytes of memory when all were answered.
    recall:
        The share of the ten nearest that was found; ``None`` where others are asked for.
    """

    times: list[float]
    own: int
    mapped: int
    recall: float | None

    def cells(self) -> list[str]:
        """Return its cells of the table."""
        first, *rest = self.times
        late = statistics.quantiles(rest, n=20)[-1]
        return [
            f"{first:.0f}",
            f"{statistics.median(rest):.1f}",
            f"{late:.1f}",
            f"{self.own / 1e6:.0f} + {self.mapped / 1e6:.0f}",
            "" if self.recall is None else f"{self.recall:.4f}",
        ]


def measured(root: Path, chunks: int, case: str, questions: int) -> Measure:
    """Measure a case in a process that has asked nothing yet."""
    folder = DataFolder(root)
    if case == GRAPH:
        flat_index.EXACT_BYTES = 0
    asked = CASES["dense" if case == GRAPH else case]
    vectors: dict[str, np.ndarray] = {}
    retriever = Retriever(LocalStore(folder), lambda _, text: vectors[text])
    options = {**asked, "where": condition_of(asked.get("where")), "fold": False, "top_k": 10}
    times, found = [], []
    for text, vector in Corpus(chunks).questions(questions + 1):
        vectors[text] = vector
        query = replace(Query(text), **options)
        started = time.perf_counter()
        hits = retriever.retrieve(query)
        times.append((time.perf_counter() - started) * 1000)
        found.append([hit.cosine for hit in hits])
    own, mapped = _memory("RssAnon"), _memory("RssFile")
    recall = None
    if case in ("dense", GRAPH):
        recall = _recall(folder, list(vectors.values()), found)
    retriever.close()
    return Measure(times, own, mapped, recall)


def _memory(kind: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(kind)), 0)


def _recall(folder: DataFolder, questions: list[np.ndarray], found: list[list[float]]) -> float:
    """Return the share of the ten nearest by float64, over all vectors, that was found."""
    with Catalog(folder) as catalog:
        dataset = catalog.dataset("default")
    flat = FlatIndex(folder.generation(dataset.key, dataset.vectors))
    asked = np.stack(questions).astype(np.float64)
    best = np.zeros((len(questions), 0))
    matrix = flat.vectors_of_all
    for start in range(0, len(matrix), 50_000):
        cosines = asked @ matrix[start : start + 50_000].astype(np.float64).T
        best = -np.sort(-np.concatenate([best, cosines], axis=1), axis=1)[:, :10]
    flat.close()
    shares = [
        sum(cosine >= least - 1e-6 for cosine in own) / 10
        for own, least in zip(found, best[:, -1], strict=True)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
