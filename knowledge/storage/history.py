"""What is remembered of the runs on a dataset, and of the files they could not take in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from knowledge.model import FileProblem

KEPT_RUNS = 300
KEPT_PROBLEMS = 100
"""Problems that a run is remembered with; the files that a dataset lacks are all remembered."""

DONE, FAILED, INTERRUPTED, KILLED = "done", "failed", "interrupted", "killed"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that wrote, or tried to.

    Parameters
    ----------
    command:
        Such as ``ingest`` or ``reembed``.
    ended_at, outcome:
        ``None`` while it works; the outcome is ``done``, ``failed``, ``interrupted`` or
        ``killed``.
    generation:
        The dataset's at the end.
    report:
        Counts of files by status and of chunks, ``embedded``, ``cached``, ``tokens``, ``cost_usd``,
        ``problems`` (the first hundred), ``problem_count`` and ``error``; what a run does not have
        is left out.
    """

    command: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    generation: int | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MissedFile:
    """A file that the last run over it could not take in, and since when."""

    problem: FileProblem
    seen_at: datetime

    @property
    def is_member(self) -> bool:
        """True for a part of a container, such as a file of an archive, which counts by itself."""
        return "!/" in self.problem.file


def storable(text: str) -> str:
    """Return text without lone surrogates, which SQLite does not take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
