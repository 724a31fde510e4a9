"""A question by a flow: modify it, retrieve, and work on the hits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from knowledge.flows.exchange import FlowAnswer, Wishes
from knowledge.flows.fusing import best_of
from knowledge.flows.language_models import LanguageModels
from knowledge.flows.model import Flow, RetrievalFlow
from knowledge.flows.modifiers import modify
from knowledge.flows.postprocessors import Postprocessors
from knowledge.flows.retrievers import Retrievers
from knowledge.flows.steps import Step
from knowledge.model import Dataset, Hit
from knowledge.retrieval.query import Query
from knowledge.settings.reading import Origin, Settings


def answer(
    flow: Flow,
    query: Query,
    wishes: Wishes,
    settings: Settings,
    models: LanguageModels,
    *,
    resolve: Callable[[Query], Query],
    search: Callable[[Query], list[Hit]],
    datasets: Callable[[], list[Dataset]],
    notify: Callable[[str], None],
    origin: Origin,
) -> FlowAnswer:
    """Run a flow on a question.

    Parameters
    ----------
    wishes:
        What the user asks for this time.
    resolve:
        Replaces the mode ``auto`` by what it means for the query's datasets.
    search:
        Runs one query, without further work on its hits.
    datasets:
        Gives all datasets that there are.
    notify:
        Told which steps were left out, and why.
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
    for step in retrieval.modifiers:
        made = [new for text in queries for new in modify(step, text, models, warn)]
        queries = list(dict.fromkeys(made))
    searched: list[Query] = []

    def noted(one: Query) -> list[Hit]:
        searched.append(resolve(one))
        return search(searched[-1])

    retrievers = Retrievers(noted, datasets, models, wishes, warn)
    hits = best_of([retrievers(retrieval.retriever, replace(query, query=one)) for one in queries])
    postprocess = Postprocessors(settings, models, wishes, warn, origin)
    question = queries[0] if len(queries) == 1 else query.text
    for step in retrieval.postprocessors:
        hits = postprocess(step, question, hits)
    return FlowAnswer(flow.name, tuple(queries), hits, _shown(query, searched))


def _shown(query: Query, searched: list[Query]) -> Query:
    """Return the query with what its searches had in common; several modes are hybrid together."""
    names = dict.fromkeys(name for one in searched for name in one.datasets)
    modes = {one.mode for one in searched}
    return replace(query, datasets=tuple(names), mode=modes.pop() if len(modes) == 1 else "hybrid")
