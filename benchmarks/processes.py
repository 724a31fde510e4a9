"""Run a command; tell its wall time and the peak memory of it and all its children."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

SAMPLE = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall time in seconds, peak of the summed resident memory in bytes, stdout.

    Resident memory that processes share is in each one's.
    """

    seconds: float
    peak: int
    output: str
    busy: float
    """CPU seconds of all processes by wall seconds and cores: 1.0 is every core all the time."""
    taken: int = 0
    """Peak of the memory in bytes with what is shared counted once; 0 where nobody asked."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    shared_once: bool = False,
) -> Run:
    """Run ``command`` to its end.

    Parameters
    ----------
    shared_once:
        Look at ``taken`` too, which holds the processes up.

    Raises
    ------
    subprocess.CalledProcessError
        It failed.
    """
    peak = taken = 0
    spent: dict[int, float] = {}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=said)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _look(watched, spent))
            if shared_once:
                taken = max(taken, _taken(watched))
            time.sleep(SAMPLE)
        seconds = time.perf_counter() - start
        output.seek(0)
        said.seek(0)
        if process.returncode:
            print(said.read(), file=sys.stderr)
            raise subprocess.CalledProcessError(process.returncode, command, output.read())
        busy = sum(spent.values()) / seconds / (psutil.cpu_count() or 1)
        return Run(seconds, peak, output.read(), busy, taken)


def _look(process: psutil.Process, spent: dict[int, float]) -> int:
    """Return the memory of a process and its children; note what CPU time each has taken.

    Not asked at the end: the times of killed children, as those of a pool, get lost.
    """
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
                times = one.cpu_times()
                spent[one.pid] = float(times.user + times.system)
    return total


def _taken(process: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += one.memory_full_info().pss
    return total
