"""Findings as they come, and their repair where it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import KnowledgeError
from knowledge.storage.findings import Fault, Finding, Severity

if TYPE_CHECKING:
    from knowledge.storage.store import Checkup


class Repairs:
    """Takes findings; a repair is tried only when it was asked for, and after a backup.

    Parameters
    ----------
    fix:
        Repair what can be repaired.
    """

    def __init__(self, checkup: Checkup, *, fix: bool) -> None:
        self.findings: list[Finding] = []
        self.backup: Path | None = None
        """The backup, when there was a reason for one."""
        self._checkup = checkup
        self._fix = fix

    def note(
        self, code: str, severity: Severity, subject: str, message: str, remedy: str = ""
    ) -> None:
        """Take a finding that nobody here can repair."""
        self.findings.append(Finding(code, severity, subject, message, remedy))

    def take(self, faults: Iterable[Fault]) -> None:
        """Take what a store found, and repair each before the next is looked for."""
        for fault in faults:
            if fault.repair is None:
                self.findings.append(fault.finding)
            else:
                self.repair(fault.finding, fault.repair)

    def repair(self, finding: Finding, repair: Callable[[], str]) -> None:
        """Take a finding, and repair it.

        Parameters
        ----------
        repair:
            Returns what was done, in words; raises where it fails.
        """
        if not self._fix:
            self.findings.append(finding)
            return
        try:
            self.backup = self._checkup.back_up()
            done = repair()
        except (KnowledgeError, OSError) as error:
            message = f"{finding.message}. It was not repaired: {error}"
            hint = getattr(error, "hint", "")
            self.findings.append(replace(finding, message=message, remedy=hint or finding.remedy))
        else:
            self.findings.append(replace(finding, remedy=done, fixed=True))
