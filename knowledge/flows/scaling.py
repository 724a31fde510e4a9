"""Scores of different kinds on one scale."""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = 9


@dataclass(frozen=True, slots=True)
class Scale:
    """Scores as numbers from 0, the lowest, to 1, the highest."""

    low: float
    high: float

    def place(self, score: float) -> float:
        """Return a score's place on the scale."""
        if self.high > self.low:
            return (score - self.low) / (self.high - self.low)
        return 1.0 if score >= self.high > 0 else 0.0
