"""Retrievers: from a question to hits, by searches of the usual kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge.errors import DatasetNotFoundError
from knowledge.flows import prompts
from knowledge.flows.exchange import Wishes
from knowledge.flows.fusing import best_of, weighted_sum
from knowledge.flows.language_models import FAILURES, LanguageModels
from knowledge.flows.modifiers import Warn
from knowledge.flows.steps import Step
from knowledge.model import Dataset, Hit
from knowledge.retrieval.query import Bm25, Query


@dataclass(frozen=True, slots=True)
class Retrievers:
    """Runs retrievers.

    Parameters
    ----------
    search:
        Runs one query.
    datasets:
        Gives all datasets that there are.
    warn:
        Told what could not be done.
    """

    search: Callable[[Query], list[Hit]]
    datasets: Callable[[], list[Dataset]]
    models: LanguageModels
    wishes: Wishes
    warn: Warn

    def __call__(self, step: Step | None, query: Query) -> list[Hit]:
        """Return the hits of a retriever, best first.

        Raises
        ------
        KnowledgeError
            A search failed.
        """
        if step is None or self.wishes.mode is not None:
            top_k = query.top_k if step is None else _asked(step)
            return self.search(replace(query, top_k=self.wishes.at_least(top_k)))
        run: Mapping[str, Callable[[Step, Query], list[Hit]]] = {
            "basic": self._basic,
            "default": self._basic,
            "bm25": self._bm25,
            "subquery": self._subquery,
            "routing": self._routing,
            "merge": self._merge,
        }
        return run[step.name](step, query)

    def _basic(self, step: Step, query: Query) -> list[Hit]:
        top_k = self.wishes.at_least(step["topK"])
        return self.search(replace(query, mode=step["mode"], top_k=top_k))

    def _bm25(self, step: Step, query: Query) -> list[Hit]:
        top_k = self.wishes.at_least(step["topN"])
        words = Bm25(step["k1"], step["b"], _languages(step))
        return self.search(replace(query, mode="keyword", top_k=top_k, bm25=words))

    def _subquery(self, step: Step, query: Query) -> list[Hit]:
        top_k = self.wishes.at_least(step["topK"])
        parts = self._parts(step, query.text)
        asked = replace(query, mode="dense", top_k=top_k)
        return best_of([self.search(replace(asked, query=part)) for part in parts])

    def _parts(self, step: Step, text: str) -> list[str]:
        limit = step["limit"]
        told = prompts.SUBQUERY.format(limit=limit, query=text)
        try:
            reply = self.models.ask(step["model"], told, prompts.SUBQUERY_SCHEMA, name="subqueries")
        except FAILURES as error:
            self.warn(step, error.in_full)
            return [text]
        parts = list(dict.fromkeys(part.strip() for part in reply["subqueries"] if part.strip()))
        if not parts:
            self.warn(step, "the model gives no query")
        return parts[:limit] or [text]

    def _routing(self, step: Step, query: Query) -> list[Hit]:
        choice = self._choice(step, query)
        top_k = self.wishes.at_least(step["topK"])
        return self.search(replace(query, datasets=choice, mode="dense", top_k=top_k))

    def _choice(self, step: Step, query: Query) -> tuple[str, ...]:
        """Return the dataset that the model chooses; all that it may choose, when it fails."""
        available = self._available(step, query)
        names = tuple(dataset.name for dataset in available)
        if len(names) == 1:
            return names
        told = prompts.ROUTING.format(datasets=_listed(available), query=query.text)
        try:
            reply = self.models.ask(
                step["model"], told, prompts.routing_schema(list(names)), name="dataset"
            )
        except FAILURES as error:
            self.warn(step, error.in_full)
            return names
        return (reply["dataset"],)

    def _available(self, step: Step, query: Query) -> list[Dataset]:
        there = {dataset.name: dataset for dataset in self.datasets()}
        wanted: Sequence[str] = step["availableDatasets"] or tuple(there)
        if self.wishes.datasets:
            wanted = [name for name in wanted if name in query.datasets]
        available = [there[name] for name in wanted if name in there]
        if not available:
            raise _none_available(step["availableDatasets"], query.datasets, wanted)
        return available

    def _merge(self, step: Step, query: Query) -> list[Hit]:
        lists = [(one.step.name, one.weight, self(one.step, query)) for one in step["retrievers"]]
        return weighted_sum(lists)[: self.wishes.at_least(step["topK"])]


def _none_available(
    of_flow: Sequence[str], asked: Sequence[str], wanted: Sequence[str]
) -> DatasetNotFoundError:
    """Return the error for a choice of no dataset: none is there, or the user names others."""
    named = ", ".join(map(repr, of_flow or asked))
    if of_flow and not wanted:
        others = ", ".join(map(repr, asked))
        return DatasetNotFoundError(
            f"the flow may choose of the datasets {named}, but {others} is asked for",
            hint="Leave --dataset out, or name one of these.",
        )
    return DatasetNotFoundError(f"the flow may choose of the datasets {named}: none is there")


def _asked(step: Step) -> int:
    return int(step["topN"] if step.name == "bm25" else step["topK"])


def _languages(step: Step) -> tuple[str, ...] | None:
    """Return the languages whose little words are left out; ``None`` is those of the texts."""
    from knowledge.text.languages import named

    if "auto" in step["cleanStopWords"]:
        return None
    return tuple(named(language) or language for language in step["cleanStopWords"])


def _listed(datasets: Sequence[Dataset]) -> str:
    lines = []
    for dataset in datasets:
        about = json.dumps(dict(dataset.metadata), ensure_ascii=False) if dataset.metadata else ""
        lines.append(f"- id: {json.dumps(dataset.name, ensure_ascii=False)} {about}".rstrip())
    return "\n".join(lines)
