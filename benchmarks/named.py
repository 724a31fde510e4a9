"""Whether what only one passage holds puts that passage first, among many.

    python -m benchmarks.named [--chunks 50000] [--questions 200]

The chunks are those of :mod:`benchmarks.search`. Every fiftieth holds an identifier, an error code,
a version number or the name of a file that no other holds; and each file's name is asked for as
well. A question names one of these, alone or among words that many chunks hold; its vector points
to a topic at random, so that the dense side always speaks against it.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.search import CHUNKS_IN_FILE, DIMENSIONS, Corpus
from knowledge.retrieval.query import Query
from knowledge.retrieval.search.retriever import Retriever
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore

EVERY = 50
FORMS = ("{}", "What is {}?", "w1q {} w2q", "{} fails with w3q in w5q", "how do I fix {}")


class NamedCorpus(Corpus):
    """Files with names of words, and chunks that hold what no other does."""

    def name(self, number: int) -> str:
        """Return the name of a file."""
        return f"w{number % 90:x}q-report-{number}.md"

    def text(self, number: int, ordinal: int, words: list[str]) -> str:
        """Return the text of a chunk, with what it alone holds."""
        at = number * CHUNKS_IN_FILE + ordinal
        if at % EVERY == 0:
            words.insert(at % (len(words) + 1), told(at // EVERY))
        return " ".join(words)

    def cases(self, count: int) -> Iterator[tuple[str, str, int | None]]:
        """Yield questions with the name of the file to be first, and the chunk's place in it."""
        choice = random.Random(1)
        for number in range(count):
            if number % 5 == 4:
                file = choice.randrange(self.chunks // CHUNKS_IN_FILE)
                yield choice.choice(FORMS).format(self.name(file)), self.name(file), None
            else:
                one = choice.randrange(self.chunks // EVERY) // 4 * 4 + number % 5
                at = one * EVERY
                question = choice.choice(FORMS).format(told(one))
                yield question, self.name(at // CHUNKS_IN_FILE), at % CHUNKS_IN_FILE


def told(number: int) -> str:
    """Return an identifier, an error code, a version or a file's name."""
    kinds = (
        f"w{number % 40:x}q_connection_{number}",
        f"E{10_000 + 7 * number}",
        f"{number % 9}.{number}.{number % 21}",
        f"part{number}.conf",
    )
    return kinds[number % len(kinds)]


def missed(folder: DataFolder, corpus: NamedCorpus, mode: str, count: int) -> list[str]:
    """Return the questions whose passage does not stand first."""
    noise = np.random.default_rng(3)

    def embedded(*_: object) -> np.ndarray:
        vector = noise.normal(size=DIMENSIONS).astype(np.float32)
        return vector / np.linalg.norm(vector)

    retriever = Retriever(LocalStore(folder), embedded)
    found = []
    for question, name, place in corpus.cases(count):
        hits = retriever.retrieve(Query(question, top_k=1, mode=mode))
        best = (hits[0].name, hits[0].passage.ordinal) if hits else ("", 0)
        if best[0] != name or place not in (None, best[1]):
            found.append(question)
    retriever.close()
    return found


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, corpus = DataFolder(Path(scratch)), NamedCorpus(options.chunks)
        corpus.build(folder)
        for mode in ("hybrid", "keyword"):
            wrong = missed(folder, corpus, mode, options.questions)
            print(f"{mode}: {len(wrong)} of {options.questions} missed", *wrong[:20], sep="\n  ")


if __name__ == "__main__":
    main()
