"""Asks questions in several settings, and measures and compares what is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from knowledge.evaluation.judging import FileNames, Judge
from knowledge.evaluation.measures import LEVEL, MEASURES, holm, p_value
from knowledge.evaluation.questions import Question
from knowledge.model import Hit

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
