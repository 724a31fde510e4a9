"""Asks questions in several settings, and measures and compares what is found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from knowledge.evaluation.questions import FileNames, Judge, Question
from knowledge.model import Hit

# Whether the difference of two means over the same questions is more than chance.
#
# The paired randomisation test of Fisher: if two settings were alike, each question's difference
# could as well have the other sign. The p-value is the share of ways to give the signs that make
# the mean difference at least as large as it is. Smucker, Allan and Carterette, "A Comparison of
# Statistical Significance Tests for Information Retrieval Evaluation" (CIKM 2007).

SAMPLES = 20_000
EXACT_LIMIT = 14
"""Up to this many questions that differ, all ways are counted."""
LEVEL = 0.05
_BLOCK = 1_000


def p_value(first: Sequence[float], second: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p-value of the difference of two means.

    Parameters
    ----------
    first, second:
        A value for each question, in the same order.
    seed:
        Of the random signs, where there are too many ways to count all.
    """
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    differences = differences[differences != 0]  # their sign changes nothing
    if not len(differences):
        return 1.0
    seen = abs(differences.sum()) - 1e-9  # sums of one set in other orders differ a little
    if len(differences) <= EXACT_LIMIT:
        ways = np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1
        return float(np.mean(abs((2 * ways - 1) @ differences) >= seen))
    random = np.random.default_rng(seed)
    extreme = 0
    for _ in range(SAMPLES // _BLOCK):
        signs = random.integers(0, 2, (_BLOCK, len(differences)), dtype=np.int8) * 2 - 1
        extreme += int(np.sum(abs(signs @ differences) >= seen))
    # The ways seen in the data are one of those that count, so that p is never 0.
    return (extreme + 1) / (SAMPLES + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values of one family, adjusted for their number, in the same order.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for place, at in enumerate(order):
        least = max(least, min(1.0, p_values[at] * (len(p_values) - place)))
        adjusted[at] = least
    return adjusted


# Measures of one ranking.
#
# Gains are what stands at each place is worth, best place first, 0 for what was not asked for;
# ``ideal`` are the worths of all that should be found, highest first. The definitions are those
# of ``trec_eval``, so that numbers can be compared with published ones.

Gains = Sequence[int]


def recall(gains: Gains, ideal: Gains, k: int) -> float:
    """Return the share of what should be found that stands among the first ``k``."""
    return _found(gains, k) / len(ideal)


def precision(gains: Gains, _: Gains, k: int) -> float:
    """Return the share of the first ``k`` places that hold what should be found."""
    return _found(gains, k) / k


def reciprocal_rank(gains: Gains, _: Gains, k: int) -> float:
    """Return one divided by the first place that counts; 0 when it is not among the first ``k``.

    Its mean is the MRR: Voorhees, "The TREC-8 Question Answering Track Report" (1999).
    """
    return next((1 / place for place, gain in enumerate(gains[:k], 1) if gain > 0), 0.0)


def ndcg(gains: Gains, ideal: Gains, k: int) -> float:
    """Return the normalised discounted cumulative gain, with the grade itself as the gain.

    Jaervelin and Kekaelaeinen, "Cumulated Gain-Based Evaluation of IR Techniques" (2002), with the
    discount log2(place + 1).
    """
    return _discounted(gains[:k]) / _discounted(ideal[:k])


MEASURES: Mapping[str, Callable[[Gains, Gains, int], float]] = {
    "recall": recall,
    "precision": precision,
    "mrr": reciprocal_rank,
    "ndcg": ndcg,
}


def _found(gains: Gains, k: int) -> int:
    return sum(gain > 0 for gain in gains[:k])


def _discounted(gains: Gains) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


MAX_DEPTH = 10_000
PASSAGES_PER_FILE = 3
"""Passages asked for at first for each file that is wanted."""

Retrieve = Callable[[str, int], list[Hit]]
"""(question, most hits) -> hits, best first."""
Warm = Callable[[str], object]
"""Embeds a question, so that its vector is at hand when time is taken."""
Measure = tuple[str, int]
"""(name, k)."""
Progress = Callable[[int, int], None]
"""(questions done, questions in all)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to retrieve.

    Parameters
    ----------
    options:
        What makes it differ from the others, for people.
    files:
        The names of the files that it searches.
    """

    name: str
    dataset: str
    options: Mapping[str, Any]
    retrieve: Retrieve
    warm: Warm
    files: FileNames


@dataclass(frozen=True, slots=True)
class Run:
    """What one setting found.

    Parameters
    ----------
    values:
        For each measure its value for each question, in the order of the questions.
    seconds:
        How long each question took.
    missed:
        Ids of the questions for which nothing right was found.
    unmatched:
        Documents of the judgments that are in no file of the dataset.
    """

    name: str
    dataset: str
    options: Mapping[str, Any]
    values: Mapping[Measure, Sequence[float]]
    seconds: Sequence[float]
    missed: tuple[str, ...]
    unmatched: tuple[str, ...]

    def mean(self, measure: str, k: int) -> float:
        """Return a measure's mean over the questions."""
        return fmean(self.values[measure, k])

    def milliseconds(self, percent: float) -> float:
        """Return a percentile of the time that a question takes."""
        return float(np.percentile(self.seconds, percent)) * 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside the first one, in one measure.

    Parameters
    ----------
    difference:
        Mean of the run less mean of the first one.
    p_value:
        Of the paired randomisation test, adjusted for the number of runs (Holm).
    """

    run: str
    against: str
    measure: str
    k: int
    difference: float
    p_value: float

    @property
    def significant(self) -> bool:
        """True when the difference is hardly chance."""
        return self.p_value < LEVEL


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Runs over the same questions.

    Parameters
    ----------
    questions:
        How many were asked.
    left_out:
        How many were not, since nothing is known of their answers.
    """

    ks: tuple[int, ...]
    questions: int
    left_out: int
    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...] = field(default=())


def evaluate(
    settings: Sequence[Setting],
    questions: Sequence[Question],
    ks: Sequence[int],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask all questions in each setting, and compare each with the first one.

    Parameters
    ----------
    questions:
        Those without a known answer are left out.
    ks:
        How many places of the ranking count; each of them is measured.
    seed:
        Of the significance test.
    """
    asked = [question for question in questions if question.judged]
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(settings) * len(asked))

    runs = tuple(_run(setting, asked, tuple(ks), tick) for setting in settings)
    return Evaluation(
        tuple(ks),
        len(asked),
        len(questions) - len(asked),
        runs,
        tuple(compare(runs, ks, seed)),
    )


def compare(runs: Sequence[Run], ks: Sequence[int], seed: int = 0) -> list[Comparison]:
    """Compare each run with the first one, in each measure."""
    first, *others = runs
    comparisons = []
    for measure, k in [(measure, k) for measure in MEASURES for k in ks]:
        values = [run.values[measure, k] for run in others]
        adjusted = holm([p_value(first.values[measure, k], own, seed) for own in values])
        comparisons += [
            Comparison(
                run.name,
                first.name,
                measure,
                k,
                run.mean(measure, k) - first.mean(measure, k),
                p,
            )
            for run, p in zip(others, adjusted, strict=True)
        ]
    return comparisons


def _run(
    setting: Setting, questions: Sequence[Question], ks: tuple[int, ...], tick: Callable[[], None]
) -> Run:
    values: dict[Measure, list[float]] = {(name, k): [] for name in MEASURES for k in ks}
    seconds: list[float] = []
    missed: list[str] = []
    unmatched: dict[str, None] = {}
    for question in questions:
        judge = Judge(question, setting.files)
        unmatched.update(dict.fromkeys(judge.unmatched))
        setting.warm(question.text)
        gains, took = _gains(setting.retrieve, question, judge, max(ks))
        seconds.append(took)
        if not any(gains[: max(ks)]):
            missed.append(question.id)
        for (name, k), own in values.items():
            own.append(MEASURES[name](gains, judge.ideal, k))
        tick()
    return Run(
        setting.name,
        setting.dataset,
        setting.options,
        values,
        seconds,
        tuple(missed),
        tuple(unmatched),
    )


def _gains(
    retrieve: Retrieve, question: Question, judge: Judge, wanted: int
) -> tuple[list[int], float]:
    """Return the gains of the best ``wanted`` places, and the seconds of the first request.

    Several passages may be of one file, so more of them are asked for until the files suffice.
    """
    depth = wanted if question.answers else min(MAX_DEPTH, wanted * PASSAGES_PER_FILE)
    started = time.perf_counter()
    hits = retrieve(question.text, depth)
    took = time.perf_counter() - started
    gains = judge.gains(hits)
    while len(gains) < wanted and len(hits) == depth < MAX_DEPTH:
        depth = min(MAX_DEPTH, depth * 4)
        hits = retrieve(question.text, depth)
        gains = judge.gains(hits)
    return gains, took
