"""What is found wrong with what is stored, and how a store can put it right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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
class Fault:
    """A finding that may be repaired.

    Parameters
    ----------
    repair:
        Returns what was done, in words; raises where it fails. ``None`` for what is only reported.
    """

    finding: Finding
    repair: Callable[[], str] | None = None
