"""Whole processes in turn, so that noise hits all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Times:
    """What the runs of one command took, in seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle wall time."""
        return statistics.median(self.wall)

    @property
    def spread(self) -> tuple[float, float]:
        """The first and the third quartile of the wall times."""
        if len(self.wall) < 2:
            return self.wall[0], self.wall[0]
        first, _, third = statistics.quantiles(self.wall, n=4, method="inclusive")
        return first, third

    @property
    def shown(self) -> str:
        """Median and quartiles in seconds."""
        low, high = self.spread
        return f"{self.median:.2f} ({low:.2f} to {high:.2f})"


@dataclass(frozen=True, slots=True)
class Call:
    """A command, its additional environment, and what must be done before each run."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None


def time_in_turn(calls: Mapping[str, Call], runs: int) -> dict[str, Times]:
    """Run each command once for the caches, then all of them ``runs`` times in turn.

    Raises
    ------
    subprocess.CalledProcessError
        One failed.
    """
    times = {name: Times() for name in calls}
    for turn in range(runs + 1):
        for name, call in calls.items():
            if call.prepare is not None:
                call.prepare()
            wall, cpu = _timed(call)
            if turn:
                times[name].wall.append(wall)
                times[name].cpu.append(cpu)
    return times


def _timed(call: Call) -> tuple[float, float]:
    before = os.times()
    started = time.perf_counter()
    subprocess.run(
        call.command,
        env=environment(**call.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )
    wall = time.perf_counter() - started
    after = os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def environment(**more: str) -> dict[str, str]:
    """Return our environment without settings of the program, and with byte code written."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KNOW_", "VS_", "OPENAI_", "PYTHONDONTWRITE"))
    }
    return {**kept, **more}
