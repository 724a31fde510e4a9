"""How much embedding threads save: whole `knowledge ingest` processes against a slow server.

    python -m benchmarks.embedding_threads [--chunks 2000] [--threads 1 8] [--runs 3]

A loopback server speaks OpenAI's protocol and answers after ``--latency`` seconds. Prints the
median time of each number of threads, the ratio to one thread, the most requests the server saw
at once, and whether all runs stored the same vectors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.openai_server import OpenAIServer

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron".split()


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = write_corpus(Path(folder, "corpus"), options.chunks)
        times: dict[int, list[float]] = {threads: [] for threads in options.threads}
        stored = set()
        for _ in range(options.runs):
            for threads in options.threads:  # in turn, so that noise hits all alike
                with OpenAIServer(latency=options.latency, dimensions=256) as server:
                    data = Path(tempfile.mkdtemp(dir=folder))
                    seconds = ingest(corpus, data, server.base_url, threads, options.batch)
                    times[threads].append(seconds)
                    stored.add(vectors_digest(data))
                    print(f"{threads:>3} threads: {seconds:6.2f} s, peak {server.peak} requests")
    medians = {threads: statistics.median(values) for threads, values in times.items()}
    first = options.threads[0]
    for threads, seconds in medians.items():
        print(f"{threads:>3} threads: median {seconds:.2f} s, {medians[first] / seconds:.1f} times")
    print("same vectors" if len(stored) == 1 else f"{len(stored)} DIFFERENT sets of vectors")


def write_corpus(folder: Path, chunks: int) -> Path:
    """Write files whose paragraphs are about a chunk each, 20 to a file."""
    folder.mkdir()
    for number in range(chunks // 20):
        paragraphs = [
            " ".join(WORDS[(number + part + word) % len(WORDS)] for word in range(60))
            + f" {number} {part}."
            for part in range(20)
        ]
        (folder / f"{number:05}.md").write_text("\n\n".join(paragraphs), encoding="utf-8")
    return folder


def ingest(corpus: Path, data: Path, url: str, threads: int, batch: int) -> float:
    """Run one ingest process; return its wall time in seconds."""
    environment = {
        **os.environ,
        "KNOW_DATA_DIR": str(data),
        "OPENAI_BASE_URL": url,
        "VS_EMBEDDING_PARALLEL_THREAD": str(threads),
        "KNOW_EMBEDDING_BATCH_SIZE": str(batch),
    }
    command = [sys.executable, "-m", "knowledge", "ingest", str(corpus), "--json"]
    command += ["--chunk-size", "100", "--chunk-overlap", "0"]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    assert json.loads(done.stdout)["files"]["failed"] == 0
    return seconds


def vectors_digest(data: Path) -> str:
    """Return a hash of all cached vectors with their texts' hashes."""
    digest = hashlib.sha256()
    connection = sqlite3.connect(data / "embeddings.db")
    for key, vector in connection.execute("SELECT key, vector FROM vectors ORDER BY key"):
        digest.update(key + vector)
    connection.close()
    return digest.hexdigest()


if __name__ == "__main__":
    main()
