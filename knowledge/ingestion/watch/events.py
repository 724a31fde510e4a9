"""What a watch reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from knowledge.errors import KnowledgeError
from knowledge.model import IngestReport


class WatchEventKind(StrEnum):
    """What happened."""

    BURST = "burst"
    """Changes were taken in."""
    READY = "ready"
    """All was looked at once; from now on changes are waited for."""
    FAILED = "failed"
    """Changes could not be taken in; it is tried again."""
    VANISHED = "vanished"
    """A path of the watch is gone; what the dataset holds of it stays."""
    RETURNED = "returned"
    """It is there again."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One thing that happened.

    Parameters
    ----------
    report:
        Of a burst: what was looked at, and how it came out.
    error:
        Why a burst failed.
    retry_seconds:
        When it is tried again.
    path:
        What vanished or returned.
    """

    kind: WatchEventKind
    report: IngestReport | None = None
    error: KnowledgeError | None = None
    retry_seconds: float | None = None
    path: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
