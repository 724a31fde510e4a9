"""Findings as they come, and their repair where it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from knowledge.doctor.findings import Finding, Severity
from knowledge.errors import KnowledgeError
from knowledge.storage.local.catalog.database import FAILURES
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.backups import back_up


class Treatment:
    """Takes findings; a repair is tried only when it was asked for, and after a backup.

    Parameters
    ----------
    fix:
        Repair what can be repaired.
    """

    def __init__(self, folder: DataFolder, *, fix: bool) -> None:
        self.folder = folder
        self.fix = fix
        self.findings: list[Finding] = []
        self._backup: Path | None = None

    @property
    def made(self) -> Path | None:
        """The backup, when there was a reason for one."""
        return self._backup

    def backup(self) -> Path:
        """Return the backup, made at the first call."""
        if self._backup is None:
            self._backup = back_up(self.folder)
        return self._backup

    def tell(
        self, code: str, severity: Severity, subject: str, message: str, remedy: str = ""
    ) -> None:
        """Take a finding that nobody here can repair."""
        self.findings.append(Finding(code, severity, subject, message, remedy))

    def treat(self, finding: Finding, repair: Callable[[], str]) -> bool:
        """Take a finding, and repair it; return whether it is repaired.

        Parameters
        ----------
        repair:
            Returns what was done, in words; raises where it fails.
        """
        if not self.fix:
            self.findings.append(finding)
            return False
        try:
            self.backup()
            said = repair()
        except (KnowledgeError, OSError, *FAILURES) as error:
            told = f"{finding.message}. It was not repaired: {error}"
            hint = getattr(error, "hint", "")
            self.findings.append(replace(finding, message=told, remedy=hint or finding.remedy))
            return False
        self.findings.append(replace(finding, remedy=said, fixed=True))
        return True
