"""What is wrong with a flows file, by line, and the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from knowledge.errors import FlowsFileError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Parameters
    ----------
    line:
        From 1.
    hint:
        What to do about it; may be empty.
    """

    line: int
    message: str
    hint: str = ""


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with one file.

    Parameters
    ----------
    file:
        As it is shown.
    """

    file: str
    errors: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)

    def add(self, line: int, message: str, hint: str = "") -> None:
        """Note an error."""
        self.errors.append(Problem(line, message, hint))

    def notice(self, line: int, message: str) -> None:
        """Note what is no error, but worth knowing."""
        self.notices.append(Problem(line, message))

    def check(self) -> None:
        """Raise the first error by line.

        Raises
        ------
        FlowsFileError
            There is one; its message counts the others.
        """
        if not self.errors:
            return
        first = min(self.errors, key=lambda problem: problem.line)
        others = len(self.errors) - 1
        more = f" (and {others} more: `knowledge flows validate` lists them)" if others else ""
        raise FlowsFileError(
            f"{self.file}:{first.line}: {first.message}{more}", hint=first.hint or None
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of the known names, or all of them."""
    listed = sorted(known)
    by_lower = {one.lower(): one for one in listed}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {by_lower[close[0]]!r}?"
    return f"Known are {', '.join(listed)}." if listed else "None is known here."
