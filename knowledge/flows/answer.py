"""A question by a flow: modify it, retrieve, and work on the hits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.flows.model import Flow, RetrievalFlow
from knowledge.flows.overrides import Overrides
from knowledge.flows.postprocessors import Refine, Work
from knowledge.flows.retrievers import Search, best_of

if TYPE_CHECKING:
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.schema import Step
    from knowledge.model import Dataset, Hit
    from knowledge.retrieval.query import Query
    from knowledge.settings.reading import Origin, Settings


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """What a flow makes of a question.

    Parameters
    ----------
    flow:
        The flow's name.
    queries:
        The questions that were searched for.
    hits:
        Best first, as the last step left them.
    query:
        What was asked, with the datasets and the mode that it was answered by.
    """

    flow: str
    queries: tuple[str, ...]
    hits: list[Hit]
    query: Query


def answer(
    flow: Flow,
    query: Query,
    overrides: Overrides,
    settings: Settings,
    models: LanguageModels,
    *,
    resolve: Callable[[Query], Query],
    search: Callable[[Query], list[Hit]],
    refine: Refine,
    datasets: Callable[[], list[Dataset]],
    notify: Callable[[str], None],
    origin: Origin,
) -> FlowAnswer:
    """Run a flow on a question.

    Parameters
    ----------
    resolve:
        Replaces the mode ``auto`` by what it means for the query's datasets.
    search:
        Runs one query, without further work on its hits.
    refine:
        Runs retrieval steps on hits.
    datasets:
        Gives all datasets that there are.
    notify:
        Called with the steps that were left out, and why.
    origin:
        Where the flows file's own values come from.

    Raises
    ------
    KnowledgeError
        A search or a reranker failed. A chat model's failure is a note instead.
    """
    retrieval = flow.retrieval or RetrievalFlow()

    def warn(step: Step, reason: str) -> None:
        notify(f"flow {flow.name!r} goes on without its step {step.name!r}: {reason}")

    queries = [query.text]
    for modifier in retrieval.modifiers:
        made = [new for text in queries for new in modifier(text, models, warn)]
        queries = list(dict.fromkeys(made))
    searched: list[Query] = []

    def noted(one: Query) -> list[Hit]:
        searched.append(resolve(one))
        return search(searched[-1])

    by = Search(noted, datasets, models, overrides, warn)
    hits = best_of([by.retrieve(retrieval.retriever, replace(query, query=one)) for one in queries])
    question = queries[0] if len(queries) == 1 else query.text
    work = Work(question, settings, models, overrides, warn, origin, refine)
    for postprocessor in retrieval.postprocessors:
        hits = postprocessor(work, hits)
    return FlowAnswer(flow.name, tuple(queries), hits, _shown(query, searched))


def _shown(query: Query, searched: list[Query]) -> Query:
    """Return the query with what its searches had in common; several modes are hybrid together."""
    names = dict.fromkeys(name for one in searched for name in one.datasets)
    modes = {one.mode for one in searched}
    return replace(query, datasets=tuple(names), mode=modes.pop() if len(modes) == 1 else "hybrid")
