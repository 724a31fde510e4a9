"""Measuring retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.knowledge_base.datasets import Datasets
from knowledge.knowledge_base.files import Files
from knowledge.knowledge_base.opened import StrPath
from knowledge.knowledge_base.retrieving import Retrieving
from knowledge.retrieval.refine.refinement import Refinement

if TYPE_CHECKING:
    from knowledge.evaluation.evaluation import Evaluation, Progress, Setting

MAX_K = 1_000
KS = (1, 5, 10)


class Evaluating(Datasets, Files, Retrieving):
    """Questions with known answers to measures."""

    def evaluate(
        self,
        dataset: str,
        queries: StrPath,
        *,
        qrels: StrPath | None = None,
        settings: Sequence[Mapping[str, Any]] = ({},),
        k: Sequence[int] = KS,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure how well a dataset answers questions, and compare ways to retrieve.

        Parameters
        ----------
        queries, qrels:
            Files, as :func:`knowledge.evaluation.questions.read_questions` takes them.
        settings:
            Options of :meth:`retrieve`, one mapping for each way; ``dataset`` may be another one.
        k:
            How many places of a ranking count.
        seed:
            Of the significance test.
        progress:
            Called with the questions done, and all of them.

        Raises
        ------
        UsageError
            A file or an option is not what it should be, or no judged document is in the dataset.
        PathNotFoundError
            A file does not exist.
        DatasetNotFoundError
            There is no such dataset.
        """
        from knowledge.evaluation.evaluation import evaluate
        from knowledge.evaluation.questions import read_questions

        if not k or not all(1 <= one <= MAX_K for one in k):
            raise UsageError(f"--k takes numbers from 1 to {MAX_K}")
        questions = read_questions(Path(queries), None if qrels is None else Path(qrels))
        if not any(question.judged for question in questions):
            raise UsageError(
                f"no question of {queries} has a judged document or an answer",
                hint="The judgments' query-id must be the questions' _id, and a score above 0.",
            )
        ways = [self._way(dataset, options) for options in settings]
        for way in ways:
            named = [name for q in questions for name, grade in q.grades.items() if grade > 0]
            if named and not any(map(way.files.paths, named)):
                raise UsageError(
                    f"dataset {way.dataset!r} holds none of the files that answer, such as "
                    f"{named[0]!r}",
                    hint="A judged document is a file's path, the end of it, its name, or its "
                    "name without the suffix.",
                )
        return evaluate(ways, questions, sorted(set(k)), seed=seed, progress=progress)

    def _way(self, dataset: str, options: Mapping[str, Any]) -> Setting:
        from knowledge.evaluation.evaluation import Setting
        from knowledge.evaluation.judging import FileNames

        used = {"rerank": self.settings["rerank"], **options}
        name = str(used.pop("dataset", dataset))
        # What does not fit is told before any question is asked.
        refining = {field.name for field in fields(Refinement)}
        Refinement(**{key: value for key, value in used.items() if key in refining})
        query = {key: value for key, value in used.items() if key not in refining}
        self.resolve_query(self.query("?", name, 1, **query))
        owner = self.dataset(name)
        return Setting(
            _name(options),
            name,
            dict(options),
            lambda text, top_k: self.retrieve(text, name, top_k, **used),
            lambda text: self._embed_query(owner, text) if owner.chunks else None,
            FileNames([file.path for file in self.files(name)]),
        )


def _name(options: Mapping[str, Any]) -> str:
    """Return what a way to retrieve is called in tables."""
    if set(options) == {"mode"}:
        return str(options["mode"])
    return ",".join(f"{key}={_shown(value)}" for key, value in options.items()) or "default"


def _shown(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
