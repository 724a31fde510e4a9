"""What a check-up tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How much a finding matters."""

    DAMAGE = "damage"
    """Something that was stored is not what it was."""
    WARNING = "warning"
    """Nothing is lost, but something should be done."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    code:
        Stable, in kebab-case, such as ``index-damaged``.
    subject:
        The dataset, file, folder or setting that it is about.
    message:
        What was found.
    remedy:
        What to do about it; of a finding that is fixed, what was done.
    fixed:
        True when it was repaired.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""
    fixed: bool = False


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
    """

    findings: tuple[Finding, ...]
    datasets: tuple[str, ...]
    backup: Path | None
    versions: Mapping[str, str]

    @property
    def damaged(self) -> bool:
        """True when something is damaged, and was not repaired."""
        return any(
            finding.severity is Severity.DAMAGE and not finding.fixed for finding in self.findings
        )
