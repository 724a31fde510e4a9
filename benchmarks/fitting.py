"""How well relevance tells questions that a collection answers from those that it does not.

Questions are asked of their own collection and of the others; each counts by the relevance of its
best passage, which is what the notice that nothing fits well goes by. The area under the ROC curve
is the chance that a question of the collection has more than one of another: Fawcett, "An
Introduction to ROC Analysis" (2006).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge import KnowledgeBase
from knowledge.retrieval.query import FITS_WELL

QUESTIONS = 60
"""Of each collection, asked of each."""
TOP_K = 10


def roc_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the chance that one of the first is above one of the second; equal ones count half."""
    below = np.searchsorted(np.sort(negative), positive, side="left")
    not_above = np.searchsorted(np.sort(negative), positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))


@dataclass(frozen=True)
class Fits:
    """The best relevance of each question, by the collection asked and the question's own."""

    best: Mapping[tuple[str, str], Sequence[float]]

    @classmethod
    def asked(
        cls, questions: Mapping[str, Sequence[str]], bases: Mapping[str, KnowledgeBase]
    ) -> Fits:
        """Ask the questions of each collection of each."""
        some = {
            name: random.Random(0).sample(list(own), min(QUESTIONS, len(own)))
            for name, own in questions.items()
        }
        return cls(
            {
                (name, owner): [_best(kb, question) for question in own]
                for name, kb in bases.items()
                for owner, own in some.items()
            }
        )

    @property
    def own(self) -> list[float]:
        """Of questions asked of their own collection."""
        return [
            value for (name, owner), found in self.best.items() if name == owner for value in found
        ]

    @property
    def others(self) -> list[float]:
        """Of questions asked of another."""
        return [
            value for (name, owner), found in self.best.items() if name != owner for value in found
        ]

    def lines(self, picture: str) -> list[str]:
        """Return the table, and what it says."""
        found = [
            "## Relevance",
            "",
            f"Up to {QUESTIONS} questions of each collection asked of each; a question counts by",
            f"the relevance of its best passage among {TOP_K}. The area under the ROC curve over",
            f"all collections is {roc_auc(self.own, self.others):.3f}. Below {FITS_WELL}, where a",
            f"notice says that nothing fits, are {_below(self.own):.0%} of the questions asked",
            f"of their own collection and {_below(self.others):.0%} of the others. Relevance was",
            "fitted to cacm, cranfield and medline: other collections may be told apart less well.",
            "",
            "| collection | own: median (10 %, 90 %) | others: median (10 %, 90 %) | AUC |",
            "|---|--:|--:|--:|",
        ]
        for name in dict.fromkeys(name for name, _ in self.best):
            own = self.best[name, name]
            others = [
                value
                for (asked, owner), values in self.best.items()
                if asked == name != owner
                for value in values
            ]
            cells = [_spread(own), _spread(others), f"{roc_auc(own, others):.3f}"]
            found.append(f"| {' | '.join([name, *cells])} |")
        return [*found, "", f"![Relevance of own and other questions]({picture})"]

    def plot(self, file: Path) -> None:
        """Draw both distributions and the ROC curve."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
        bins = np.linspace(0, 1, 21)
        for label, values in {"own collection": self.own, "another": self.others}.items():
            weights = np.full(len(values), 1 / len(values))
            left.hist(values, bins, weights=weights, alpha=0.6, label=label)
        left.axvline(FITS_WELL, color="grey", linestyle=":", label="fits well from here")
        left.set_xlabel("relevance of the best passage")
        left.set_ylabel("share of questions")
        left.legend()
        limits = np.linspace(1.000001, 0, 500)
        false = [np.mean(np.array(self.others) >= limit) for limit in limits]
        true = [np.mean(np.array(self.own) >= limit) for limit in limits]
        right.plot(false, true)
        right.plot([0, 1], [0, 1], color="grey", linestyle=":")
        right.set_xlabel("questions of others said to fit")
        right.set_ylabel("own questions said to fit")
        right.set_title(f"area {roc_auc(self.own, self.others):.3f}")
        figure.tight_layout()
        figure.savefig(file, dpi=110)
        pyplot.close(figure)


def _best(kb: KnowledgeBase, question: str) -> float:
    return max((hit.relevance or 0.0 for hit in kb.retrieve(question, top_k=TOP_K)), default=0.0)


def _below(values: Sequence[float]) -> float:
    return float(np.mean(np.array(values) < FITS_WELL))


def _spread(values: Sequence[float]) -> str:
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.2f} ({low:.2f}, {high:.2f})"
