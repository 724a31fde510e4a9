"""How wide Chroma's graph must be searched to find what a pass over all vectors finds, and when.

    python -m benchmarks.graph_width [--chunks 100000] [--questions 60] [--widths 1000 16000]

The vectors are those of ``benchmarks.search``: topics of very different sizes, near duplicates.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.search import Corpus
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.chroma import ChromaIndex
from knowledge.storage.local.vectors.flat_index import FlatIndex


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--widths", type=int, nargs="+", default=[110, 1_000, 4_000, 16_000])
    parser.add_argument("--data", type=Path, help="keep the dataset here, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = DataFolder(options.data or Path(scratch))
        corpus = Corpus(options.chunks)
        if not folder.catalog.exists():
            corpus.build(folder)
        with Catalog(folder) as catalog:
            dataset = catalog.dataset("default")
        home = folder.generation(dataset.key, dataset.vectors)
        asked = [vector.astype(np.float32) for _, vector in corpus.questions(options.questions)]
        compare(home, asked, options.widths)


def compare(home: Path, asked: list[np.ndarray], widths: list[int]) -> None:
    """Print recall@10 and the median time of a full pass, and of the graph at some widths."""
    flat = FlatIndex(home)
    best, times = [], []
    for vector in asked:
        started = time.perf_counter()
        cosines = flat.cosines(vector)
        times.append(time.perf_counter() - started)
        best.append(np.sort(cosines)[-10])
    print(f"all: {statistics.median(times) * 1000:.0f} ms")
    with ChromaIndex(home) as graph:
        graph.search(asked[0], 1)
        for width in widths:
            shares, times = [], []
            for vector, least in zip(asked, best, strict=True):
                started = time.perf_counter()
                found = graph.search(vector, width)
                times.append(time.perf_counter() - started)
                shares.append(sum(cosine >= least - 1e-6 for _, cosine in found[:10]) / 10)
            taken = statistics.median(times) * 1000
            print(f"{width}: recall@10 {np.mean(shares):.3f}, {taken:.0f} ms", flush=True)
    flat.close()


if __name__ == "__main__":
    main()
