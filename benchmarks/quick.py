"""``startup`` and ``memory``, for the suite."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import corpus, programs, startup
from benchmarks.interleaved import Call, environment, time_in_turn
from benchmarks.processes import run
from benchmarks.programs import Options
from benchmarks.report import Result


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


def memory(options: Options) -> Result:
    """Measure the peak of all processes for ever more text."""
    rows = []
    for files in (20, 40) if options.small else (500, 2_000, 8_000, 50_000):
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            folder = corpus.write_markdown(Path(scratch, "documents"), files, 20)
            size = sum(path.stat().st_size for path in folder.rglob("*.md"))
            call = programs.ours("ingest", str(folder), data=Path(scratch, "data"))
            done = run(list(call.command), environment(**call.environment), shared_once=True)
            both = (f"{done.taken / 1e6:,.0f}", f"{done.peak / 1e6:,.0f}")
            rows.append([f"{size / 1e6:.1f}", f"{files * 20:,}", *both])
    return Result(
        "memory",
        "Most memory of all processes of an ingest: what they share counted once, and in each.",
        "flat in the input's size: 500 MB for 1,000,000 chunks, 1 GB for a gigabyte of text",
        ["text, MB", "chunks", "peak, MB", "with shared pages in each, MB"],
        rows,
    )
