"""``cluster``: the same ingests by this machine alone and by actors of a Ray cluster on it.

    python -m benchmarks cluster --runs 2

Both have the same cores, so nothing can be faster by Ray here: it shows what Ray costs, and how
much of an ingest leaves the command, which is what other machines can take over.
"""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import corpus, programs
from benchmarks.interleaved import environment
from benchmarks.processes import run
from benchmarks.programs import Options
from benchmarks.report import Result

ALONE = "alone"
ACTORS = (1, 2)
MINILM = {"KNOW_EMBEDDING_MODEL_PROVIDER": "minilm", "KNOW_EMBEDDING_CACHE": "false"}


@dataclass(frozen=True, slots=True)
class Job:
    """Documents, and the settings that they are ingested with."""

    folder: Path
    settings: Mapping[str, str]


def cluster(options: Options) -> Result:
    """Measure whole ingest processes: wall time, and CPU time of the command itself."""
    jobs = dict(_jobs(options))
    ways = [ALONE, *(f"Ray, {count} of each actor" for count in ACTORS)]
    wall: dict[tuple[str, str], list[float]] = defaultdict(list)
    command: dict[tuple[str, str], list[float]] = defaultdict(list)
    with _ray() as address:
        for _ in range(options.runs):
            for name, job in jobs.items():
                for way, count in zip(ways, (0, *ACTORS), strict=True):
                    seconds, own = _ingest(options, job, address, count)
                    wall[name, way].append(seconds)
                    command[name, way].append(own)
                    print(name, way, f"{seconds:.1f} s, command {own:.1f} s", sep=" | ", flush=True)
    rows = [
        [name, way, f"{statistics.median(wall[name, way]):.1f}",
         f"{statistics.median(command[name, way]):.1f}"]
        for name in jobs for way in ways
    ]  # fmt: skip
    return Result(
        "cluster",
        "The same ingests by this machine alone and by a Ray cluster on it, on the same cores.",
        "what Ray costs, and how much work leaves the command",
        ["documents, model", "read and embedded", "wall, s", "CPU of the command, s"],
        rows,
        [],
        {name: f"{sum(1 for _ in job.folder.rglob('*.*')):,} files" for name, job in jobs.items()}
        | {"runs": options.runs},
    )


def _jobs(options: Options) -> Iterator[tuple[str, Job]]:
    scratch = options.scratch
    yield (
        "Markdown, bundled model",
        Job(corpus.write_markdown(scratch / "markdown", options.size(2_000, 20)), {}),
    )
    pdf = scratch / "pdf"
    corpus.write_pdf(pdf, options.size(150, 2))
    yield "PDF of 10 pages, bundled model", Job(pdf, {})
    slow = corpus.write_markdown(scratch / "slow", options.size(120, 4))
    yield "Markdown, minilm", Job(slow, MINILM)


@contextmanager
def _ray() -> Iterator[str]:
    """Start a cluster of one node with the cores of this machine; give its address."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": max(ACTORS), "object_store_memory": 200 << 20}
    started = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield started.address
    finally:
        started.shutdown()


def _ingest(options: Options, job: Job, address: str, actors: int) -> tuple[float, float]:
    data = options.scratch / "data"
    shutil.rmtree(data, ignore_errors=True)
    more = ["--workers", "ray:auto", "--concurrency", str(actors)] if actors else []
    call = programs.ours(
        "ingest", str(job.folder), *more, data=data, RAY_ADDRESS=address, **job.settings
    )
    done = run(call.command, environment(**call.environment))
    return done.seconds, done.own
