"""What a check-up found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import KnowledgeError
from knowledge.storage.findings import Finding, Severity
from knowledge.storage.reports import Places


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What a check-up found.

    Parameters
    ----------
    datasets:
        Those that were looked at.
    backup:
        The copy that was made before anything was repaired.
    versions:
        Of what matters to the data folder.
    store:
        Where datasets and vectors are, and whether that could be read when it was looked at.
    """

    findings: tuple[Finding, ...]
    datasets: tuple[str, ...]
    backup: Path | None
    versions: Mapping[str, str]
    store: Places

    @property
    def unreached(self) -> KnowledgeError | None:
        """Why the database, or the server of vectors, can't be used, so that not all was checked.

        What is wrong with a data folder is among the findings.
        """
        places = (self.store.datasets, self.store.vectors)
        return next(
            (place.error for place in places if place.error and place.kind != "folder"), None
        )

    @property
    def damaged(self) -> bool:
        """True when something is damaged, and was not repaired."""
        return any(
            finding.severity is Severity.DAMAGE and not finding.fixed for finding in self.findings
        )
