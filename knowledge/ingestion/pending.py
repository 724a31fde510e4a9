"""What a watch must look at."""

from __future__ import annotations

from dataclasses import dataclass, field

MANY = 2_000
"""Paths; for more everything is looked at, since the system's queue may have run over."""


@dataclass(slots=True)
class Pending:
    """Some paths, or everything."""

    paths: set[str] = field(default_factory=set)
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.paths)

    def add(self, paths: set[str] | None) -> None:
        """Add paths; ``None`` is everything."""
        if paths is None:
            self.everything = True
        else:
            self.paths |= paths
        if self.everything or len(self.paths) > MANY:
            self.everything = True
            self.paths.clear()
