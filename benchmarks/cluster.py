"""``cluster``: the same ingests by this machine alone and by actors of a Ray cluster on it.

    python -m benchmarks cluster --runs 2

Both have the same cores, so nothing can be faster by Ray here: it shows what Ray costs, and how
much of an ingest leaves the command, which is what other machines can take over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

from benchmarks import corpus, programs
from benchmarks.interleaved import environment
from benchmarks.programs import Options
from benchmarks.report import Result

ALONE = "this machine alone"
SAMPLE = 0.2
ACTORS = (1, 2)
MINILM = {"KNOW_EMBEDDING_MODEL_PROVIDER": "minilm", "KNOW_EMBEDDING_CACHE": "false"}


@dataclass(frozen=True, slots=True)
class Job:
    """Documents, and the settings that they are ingested with."""

    folder: Path
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spent:
    """What an ingest took, in seconds: by the clock, of CPU in the command, and in the cluster."""

    wall: float
    command: float
    cluster: float


def cluster(options: Options) -> Result:
    """Measure whole ingest processes; CPU time is what holds on a busy machine."""
    jobs = dict(_jobs(options))
    ways = {ALONE: 0, **{f"Ray, {count} of each actor": count for count in ACTORS}}
    spent: dict[tuple[str, str], list[Spent]] = defaultdict(list)
    with _ray() as address:
        for _ in range(options.runs):
            for name, job in jobs.items():
                for way, actors in ways.items():
                    spent[name, way].append(_ingest(options, job, address, actors))
                    print(name, way, spent[name, way][-1], sep=" | ", flush=True)
    return Result(
        "cluster",
        "The same ingests by this machine alone and by a Ray cluster on it, on the same cores.",
        "what Ray costs, and how much work leaves the command",
        ["documents, model; read by", "wall, s", "CPU of the command, s", "CPU of the cluster, s"],
        [
            [
                f"{name}; {way}",
                *(f"{statistics.median(one):.1f}" for one in zip(*times, strict=True)),
            ]
            for (name, way), found in spent.items()
            for times in [[astuple(one) for one in found]]
        ],
        [],
        {name: f"{len(list(job.folder.rglob('*.*'))):,} files" for name, job in jobs.items()}
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


def _ingest(options: Options, job: Job, address: str, actors: int) -> Spent:
    data = options.scratch / "data"
    shutil.rmtree(data, ignore_errors=True)
    more = ["--workers", "ray:auto", "--concurrency", str(actors)] if actors else []
    call = programs.ours(
        "ingest", str(job.folder), *more, data=data, RAY_ADDRESS=address, **job.settings
    )
    before = _cpu(psutil.Process())
    after = dict(before)
    started = time.perf_counter()
    process = subprocess.Popen(
        call.command, env=environment(**call.environment), stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    mine: set[int] = set()
    while process.poll() is None:
        own = _cpu(psutil.Process(process.pid))
        mine |= own.keys()
        after |= _cpu(psutil.Process()) | own
        time.sleep(SAMPLE)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, call.command)
    used = {pid: seconds - before.get(pid, 0.0) for pid, seconds in after.items()}
    used.pop(os.getpid(), None)
    command = sum(seconds for pid, seconds in used.items() if pid in mine)
    return Spent(wall, command, sum(used.values()) - command)


def _cpu(root: psutil.Process) -> dict[int, float]:
    """Return the CPU time that a process and all below it have taken by now."""
    found = {}
    with contextlib.suppress(psutil.Error):
        for one in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                found[one.pid] = float(times.user + times.system)
    return found
