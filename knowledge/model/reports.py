"""What runs did, and what became of each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from knowledge.model.datasets import EmbedderSpec


class FileStatus(StrEnum):
    """The result of an ingest run for a file."""

    INGESTED = "ingested"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file, or a member of one, that an ingest run could not ingest completely, and why.

    ``status`` is ``failed``, ``empty`` or ``unsupported``; or ``notice`` for a file that was
    ingested with a remark. A member of a container is ``file!/path/in/it``.
    """

    file: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The result of an ingest run.

    ``files`` counts files by status, each status present. ``embedded`` counts texts that were
    sent to the embedder; ``reused`` chunks kept their vector. ``seconds`` is wall time.
    ``cost_usd`` is what the tokens cost, ``None`` where the model has no known price.
    """

    dataset: str
    files: Mapping[FileStatus, int]
    chunks_added: int
    chunks_removed: int
    chunks_reused: int
    embedded: int
    tokens: int
    seconds: float
    problems: tuple[FileProblem, ...] = ()
    dry_run: bool = False
    cost_usd: float | None = None

    @property
    def failed(self) -> bool:
        """True when at least one file, or one member of a container, failed."""
        return self.files[FileStatus.FAILED] > 0 or any(
            problem.status == FileStatus.FAILED for problem in self.problems
        )


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """The result of embedding a dataset again; the counts are as in :class:`IngestReport`.

    ``before`` and ``after`` are the dataset's models. ``chunks`` is 0 where the dataset had the
    model already.
    """

    dataset: str
    before: EmbedderSpec | None
    after: EmbedderSpec
    chunks: int
    embedded: int
    tokens: int
    cost_usd: float | None
    seconds: float
