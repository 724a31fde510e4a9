"""How fast quick commands start: whole processes, beside one that does nothing but import Typer.

    python -m benchmarks.startup [--runs 15] [--datasets 1000]

Prints the least wall time, which noise disturbs least, of ``--help``, ``version``,
``list-datasets`` of a data folder with many datasets, and of calls as a shell makes them to
complete a word; and each one's ratio to ``python -c "import typer"``, which every command line on
Typer pays. The ratio holds on other machines, the times do not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from knowledge import KnowledgeBase

LIMIT = 2.5
BASE = "import typer"


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--datasets", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compiled = {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(Path(folder, "cache")),
        }
        environment = {**os.environ, **compiled, "KNOW_DATA_DIR": str(Path(folder, "data"))}
        fill(Path(folder, "data"), options.datasets)
        times: dict[str, list[float]] = {name: [] for name in calls()}
        for _ in range(options.runs + 1):
            for name, (command, more) in calls().items():  # in turn, so that noise hits all alike
                times[name].append(seconds(command, {**environment, **more}))
    least = {name: min(values[1:]) for name, values in times.items()}  # the first one compiles
    for name, best in least.items():
        ratio = best / least[BASE]
        print(f"{name:<34} {best * 1000:4.0f} ms  {ratio:.2f}{' OVER' * (ratio > LIMIT)}")


def calls() -> dict[str, tuple[list[str], Mapping[str, str]]]:
    """Return the command and the additional environment of each measured call."""
    program = [sys.executable, "-m", "knowledge"]
    return {
        BASE: ([sys.executable, "-c", "import typer"], {}),
        "knowledge --help": ([*program, "--help"], {}),
        "knowledge version": ([*program, "version"], {}),
        "knowledge list-datasets": ([*program, "list-datasets"], {}),
        "complete a command": (program, completion("knowledge re")),
        "complete a dataset of get-dataset": (program, completion("knowledge get-dataset set-1")),
        "complete a dataset of retrieve": (program, completion("knowledge retrieve -d set-1")),
        "complete a flag of ingest": (program, completion("knowledge ingest --in")),
    }


def completion(line: str) -> dict[str, str]:
    """Return the environment in which bash asks how a line may go on."""
    return {
        "_KNOWLEDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": line.replace(" ", "\n"),
        "COMP_CWORD": str(line.count(" ")),
    }


def fill(data: Path, datasets: int) -> None:
    """Make a data folder with many datasets."""
    with KnowledgeBase.open(data) as kb:
        for number in range(datasets):
            kb.datasets.create(f"set-{number:04}")


def seconds(command: list[str], environment: Mapping[str, str]) -> float:
    """Run a process to its end; return its wall time."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
