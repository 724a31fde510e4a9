"""Run a command; tell its wall time and the peak memory of it and all its children."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

SAMPLE = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run: wall time in seconds, peak of the summed resident memory in bytes, stdout."""

    seconds: float
    peak: int
    output: str
    busy: float
    """CPU seconds of all processes by wall seconds and cores: 1.0 is every core all the time."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run ``command`` to its end.

    Raises
    ------
    subprocess.CalledProcessError
        It failed.
    """
    before = _children_cpu()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, _memory(watched))
        time.sleep(SAMPLE)
    seconds = time.perf_counter() - start
    assert process.stdout is not None
    output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    busy = (_children_cpu() - before) / seconds / (psutil.cpu_count() or 1)
    return Run(seconds, peak, output, busy)


def _memory(process: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def _children_cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)
