"""``startup``, ``search`` and ``memory``, for the suite."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import corpus, programs, startup
from benchmarks.interleaved import Call, environment, time_in_turn
from benchmarks.processes import run
from benchmarks.programs import Options
from benchmarks.report import Result
from benchmarks.search import CASES, Corpus, measured
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.vectors.reader import open_reader


def start(options: Options) -> Result:
    """Measure quick commands beside ``import typer``."""
    datasets = options.size(1_000, 10)
    data = options.scratch / "data"
    startup.fill(data, datasets)
    calls = {
        name: Call(command, {**more, "KNOW_DATA_DIR": str(data)})
        for name, (command, more) in startup.calls().items()
    }
    times = time_in_turn(calls, options.runs)
    base = times[startup.BASE].median
    worst = max(one.median / base for one in times.values())
    return Result(
        "startup",
        f"Commands that must be quick, with {datasets:,} datasets.",
        f"at most {startup.LIMIT} times `python -c '{startup.BASE}'`",
        ["process", "wall, s (quartiles)", "to `import typer`"],
        [[name, one.shown, f"{one.median / base:.2f}"] for name, one in times.items()],
        [f"the slowest: {worst:.2f} times"],
        {"datasets": datasets, "runs": options.runs},
    )


def search(options: Options) -> Result:
    """Measure questions inside one process, and recall against exact search."""
    rows, recalls, asked = [], [], 3 if options.small else 60
    for full in (10_000,) if options.small else (10_000, 100_000, 1_000_000):
        chunks = options.size(full, 1_000)
        folder = DataFolder(options.scratch / str(chunks))
        made = Corpus(chunks)
        made.build(folder)
        for case in ("dense", "hybrid", "hybrid, 10 % pass"):
            row = measured(folder, made, case, CASES[case], asked)
            rows.append([cell.strip() for cell in row.strip("|").split("|")])
        recalls.append(f"{chunks:,} chunks: recall@10 {_recall(folder, made, asked):.4f}")
    return Result(
        "search",
        "Questions inside one process, made-up chunks, 256 dimensions.",
        "recall@10 at least 0.99 against exact search",
        ["chunks", "search", "first, ms", "median, ms", "95th percentile, ms"],
        rows,
        recalls,
        {"questions": asked},
    )


def _recall(folder: DataFolder, made: Corpus, questions: int) -> float:
    with Catalog(folder) as catalog:
        dataset = catalog.dataset("default")
        ids = [
            row["id"]
            for row in catalog.connection.execute("SELECT id FROM chunks WHERE removed IS NULL")
        ]
    index = open_reader(folder.generation(dataset.key, dataset.vectors))
    pages = list(index.vectors(ids))
    names = np.array([id for page, _ in pages for id in page])
    vectors = np.concatenate([found for _, found in pages])
    shares = []
    for _, question in made.questions(questions):
        exact = set(names[np.argsort(-(vectors @ question))[:10]])
        # As deep as retrieval searches at least.
        found = [id for id, _ in index.search(question.astype(np.float32), 110)[:10]]
        shares.append(len(exact & set(found)) / 10)
    index.close()
    return float(np.mean(shares))


def memory(options: Options) -> Result:
    """Measure the peak of all processes for ever more text."""
    rows = []
    for files in (20, 40) if options.small else (500, 2_000, 8_000):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            folder = corpus.write_markdown(Path(scratch, "documents"), files, 20)
            size = sum(path.stat().st_size for path in folder.rglob("*.md"))
            call = programs.ours("ingest", str(folder), data=Path(scratch, "data"))
            done = run(list(call.command), environment(**call.environment))
            rows.append([f"{size / 1e6:.1f}", f"{files * 20:,}", f"{done.peak / 1e6:,.0f}"])
    return Result(
        "memory",
        "Peak of the summed resident memory of all processes of an ingest.",
        "flat in the input's size, apart from the index that is being built",
        ["text, MB", "chunks", "peak, MB"],
        rows,
    )
