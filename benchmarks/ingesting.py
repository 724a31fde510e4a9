"""``ingest_local``, ``ingest_latency``, ``reingest`` and ``disk``: whole ingest processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks import corpus, programs
from benchmarks.embedding_server import serving
from benchmarks.interleaved import Call, environment, time_in_turn
from benchmarks.processes import Run, run
from benchmarks.programs import Options
from benchmarks.report import Result

OURS = "knowledge"
LATENCY = 0.1
THREADS = 8
BATCH = 64
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "b",
    "GIT_AUTHOR_EMAIL": "b@localhost",
    "GIT_COMMITTER_NAME": "b",
    "GIT_COMMITTER_EMAIL": "b@localhost",
}


def ingest_local(options: Options) -> Result:
    """Measure with the bundled model in all programs; ``llm`` reads no PDF."""
    files, pdfs = options.size(10_000, 40), options.size(200, 2)
    folder = corpus.write_markdown(options.scratch / "documents", files)
    corpus.write_pdf(folder / "pdf", pdfs)
    runs = _in_turn(options, lambda data: _calls(options, folder, data))
    mine = _median(runs[OURS])
    verdict = [f"{OURS}: both cores busy {statistics.median(o.busy for o in runs[OURS]):.0%}"]
    verdict += _advantages(runs, mine, "at least 5")
    return Result(
        "ingest_local",
        f"{files:,} Markdown files and {pdfs} PDF of 10 pages with the bundled model; "
        "llm makes one vector a file and reads no PDF.",
        "at least 5 times each peer; both cores busy over 80 %",
        ["program", "wall, s", "cores busy", "peak memory, MB", "to ours"],
        _rows(runs, mine),
        verdict,
        {"files": files, "pdf": pdfs, "runs": options.runs},
    )


def ingest_latency(options: Options) -> Result:
    """Measure against a server that takes its time; batches alike."""
    chunks = options.size(5_000, 100)
    folder = corpus.write_markdown(options.scratch / "documents", chunks // corpus.SECTIONS)
    with serving(256, LATENCY) as url:
        runs = _in_turn(options, lambda data: _calls(options, folder, data, url))
    mine = _median(runs[OURS])
    requests = -(-chunks // BATCH)
    ideal = -(-requests // THREADS) * LATENCY
    return Result(
        "ingest_latency",
        f"{chunks:,} chunks, {LATENCY * 1000:.0f} ms a request, {THREADS} threads, "
        f"batches of {BATCH}.",
        "within 1.3 times the ideal, in which the longest stage hides the others; "
        "at least 3 times the fastest peer",
        ["program", "wall, s", "cores busy", "peak memory, MB", "to ours"],
        _rows(runs, mine),
        [
            f"{requests} requests take {ideal:.1f} s at least when nothing else takes time",
            *_advantages(runs, mine, "at least 3"),
        ],
        {"chunks": chunks, "runs": options.runs},
    )


def reingest(options: Options) -> Result:
    """Measure unchanged files beside ``git status``, then one changed file."""
    files, chunks = options.size(50_000, 100), options.size(100_000, 200)
    folder = corpus.write_markdown(options.scratch / "many", files, 1, 30)
    data = options.scratch / "unchanged"
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=folder, env=environment(**GIT), check=True)
    run(*_whole(programs.ours("ingest", str(folder), data=data)))
    large = corpus.write_markdown(options.scratch / "large", chunks // corpus.SECTIONS)
    changing = options.scratch / "changing"
    run(*_whole(programs.ours("ingest", str(large), data=changing)))
    target = next(iter(sorted(large.rglob("*.md"))))

    def change() -> None:
        target.write_text(target.read_text() + "\nOne more line.\n", encoding="utf-8")

    changed = programs.ours("ingest", str(large), data=changing)
    calls = {
        "git status": Call(["git", "-C", str(folder), "status", "--porcelain"], GIT),
        "knowledge ingest, unchanged": programs.ours("ingest", str(folder), data=data),
        "import chromadb": programs.python("import chromadb"),
        "knowledge ingest, one changed": Call(changed.command, changed.environment, change),
    }
    times = time_in_turn(calls, options.runs)
    status, same, base, one = (times[name].median for name in calls)
    return Result(
        "reingest",
        f"{files:,} unchanged files; then one changed in a dataset of {chunks:,} chunks.",
        "at most 3 times `git status`; at most 3 times `import chromadb`",
        ["process", "wall, s (quartiles)"],
        [[name, found.shown] for name, found in times.items()],
        [
            f"unchanged: {same / status:.1f} times `git status` (at most 3)",
            f"one changed: {one / base:.1f} times `import chromadb` (at most 3)",
        ],
        {"files": files, "chunks": chunks, "runs": options.runs},
    )


def disk(options: Options) -> Result:
    """Measure what the same documents take on the disk in each program's store."""
    chunks = options.size(30_000, 100)
    folder = corpus.write_markdown(options.scratch / "documents", chunks // corpus.SECTIONS)
    rows, sizes = [], {}
    for name, call in _calls(options, folder, options.scratch / "data").items():
        run(*_whole(call))
        sizes[name] = _bytes(_store(options.scratch / "data", name))
    for name, size in sizes.items():
        rows.append([name, f"{size / chunks:,.0f}", f"{size / sizes[OURS]:.1f}"])
    return Result(
        "disk",
        f"{chunks:,} sections of Markdown, 256 dimensions.",
        "at most a quarter of each peer's bytes per chunk",
        ["program", "bytes per section", "to ours"],
        rows,
        [],
        {"chunks": chunks},
    )


def _calls(options: Options, folder: Path, data: Path, url: str = "") -> dict[str, Call]:
    own = {
        "VS_EMBEDDING_PARALLEL_THREAD": str(THREADS),
        "KNOW_EMBEDDING_BATCH_SIZE": str(BATCH),
    }
    ours = programs.ours("ingest", str(folder), data=data / OURS, url=url, **(own if url else {}))
    given = str(folder)
    return {OURS: ours, **programs.peers(options, "ingest", given, data, url=url, batch=BATCH)}


def _store(data: Path, name: str) -> Path:
    return {
        OURS: data / OURS,
        "LlamaIndex": data / "llama_index_pipeline",
        "LangChain": data / "langchain_chroma_index",
        "Chroma alone": data / "chroma_alone",
        "llm": data / "llm.db",
    }[name]


def _in_turn(options: Options, calls: Callable[[Path], dict[str, Call]]) -> dict[str, list[Run]]:
    """Run all programs in turn, each time into empty stores."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for turn in range(options.runs):
        data = options.scratch / f"data{turn}"
        for name, call in calls(data).items():
            runs[name].append(run(*_whole(call)))
        shutil.rmtree(data)
    return runs


def _whole(call: Call) -> tuple[list[str], dict[str, str]]:
    return list(call.command), environment(**call.environment)


def _median(runs: list[Run]) -> float:
    return statistics.median(one.seconds for one in runs)


def _rows(runs: dict[str, list[Run]], mine: float) -> list[list[str]]:
    return [
        [
            name,
            f"{_median(all_):.1f}",
            f"{statistics.median(one.busy for one in all_):.0%}",
            f"{max(one.peak for one in all_) / 1e6:,.0f}",
            f"{_median(all_) / mine:.1f}",
        ]
        for name, all_ in runs.items()
    ]


def _advantages(runs: dict[str, list[Run]], mine: float, aim: str) -> list[str]:
    return [
        f"{_median(all_) / mine:.1f} times as fast as {name} ({aim})"
        for name, all_ in runs.items()
        if name != OURS
    ]


def _bytes(place: Path) -> int:
    total = 0
    for path in [place, *place.rglob("*")]:
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
