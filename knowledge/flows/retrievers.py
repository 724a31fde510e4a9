"""Retrievers: from a question to hits, by searches of the usual kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo
from pydantic.fields import FieldInfo

from knowledge.errors import DatasetNotFoundError
from knowledge.flows import prompts
from knowledge.flows.language_models import FAILURES, LanguageModels
from knowledge.flows.modifiers import Warn
from knowledge.flows.overrides import Overrides
from knowledge.flows.scaling import DIGITS, Scale
from knowledge.flows.schema import (
    ChatModelOption,
    FlowModel,
    Languages,
    Number,
    Path,
    Step,
    Texts,
    Whole,
    checked,
    named_values,
)
from knowledge.model import Dataset, Hit
from knowledge.retrieval.query import Bm25 as Bm25Parameters
from knowledge.retrieval.query import Query

TopK = Annotated[Whole, Field(ge=1, le=10_000, description="Most passages.")]

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Search:
    """What retrievers search with.

    Parameters
    ----------
    search:
        Runs one query.
    datasets:
        Gives all datasets that there are.
    warn:
        Called with what could not be done.
    """

    search: Callable[[Query], list[Hit]]
    datasets: Callable[[], list[Dataset]]
    models: LanguageModels
    overrides: Overrides
    warn: Warn

    def retrieve(self, step: Retriever | None, query: Query) -> list[Hit]:
        """Return the hits of a retriever, best first; of the usual search without one.

        Raises
        ------
        KnowledgeError
            A search failed.
        """
        if step is None or self.overrides.mode is not None:
            top_k = query.top_k if step is None else step.top_k
            return self.search(replace(query, top_k=self.overrides.at_least(top_k)))
        return step(self, query)


class Retriever(Step, kind="retriever"):
    """One question to hits."""

    top_k: TopK = 10

    def __call__(self, search: Search, query: Query) -> list[Hit]:
        """Return the hits, best first.

        Raises
        ------
        KnowledgeError
            A search failed.
        """
        return self._run(search, query)

    def _run(self, search: Search, query: Query) -> list[Hit]:
        raise NotImplementedError


class Basic(Retriever, name="basic"):
    """Search by cosine, or in another mode."""

    mode: Literal["dense", "keyword", "hybrid", "auto"] = Field(
        "dense", description="dense, keyword, hybrid or auto."
    )

    def _run(self, search: Search, query: Query) -> list[Hit]:
        top_k = search.overrides.at_least(self.top_k)
        return search.search(replace(query, mode=self.mode, top_k=top_k))


class Default(Basic, name="default"):
    """The same as basic."""


class Bm25Options(FlowModel):
    """Parameters of BM25, and whose stop words are left out."""

    k1: Number = Field(1.2, ge=0, description="How much a repeated word counts.")
    b: Number = Field(0.75, ge=0, le=1, description="How much a long passage loses.")
    clean_stop_words: Languages = Field(
        (),
        description="Languages whose stop words are left out of the question, such as en; auto is "
        "those of the documents.",
    )

    def languages(self) -> list[str]:
        """Return the languages that are named, as stemmers call them."""
        from knowledge.text.languages import named

        given = (one for one in self.clean_stop_words if one != "auto")
        return [named(language) or language for language in given]


class Bm25(Retriever, Bm25Options, name="bm25"):
    """Search by words: BM25 over all passages."""

    top_k: TopK = Field(10, alias="topN")

    def _run(self, search: Search, query: Query) -> list[Hit]:
        auto = "auto" in self.clean_stop_words
        bm25 = Bm25Parameters(self.k1, self.b, None if auto else tuple(self.languages()))
        top_k = search.overrides.at_least(self.top_k)
        return search.search(replace(query, mode="keyword", top_k=top_k, bm25=bm25))


class SubQuery(Retriever, name="subquery"):
    """Have a chat model take the question apart, and search for each part."""

    needs_model = True
    model: ChatModelOption = None
    limit: Whole = Field(3, ge=1, le=20, description="Most parts.")
    top_k: TopK = Field(3, description="Most passages for each.")

    def _run(self, search: Search, query: Query) -> list[Hit]:
        asked = replace(query, mode="dense", top_k=search.overrides.at_least(self.top_k))
        parts = self._parts(search, query.text)
        return best_of([search.search(replace(asked, query=part)) for part in parts])

    def _parts(self, search: Search, text: str) -> list[str]:
        prompt = prompts.SUBQUERY.format(limit=self.limit, query=text)
        try:
            reply = search.models.ask(
                self.model, prompt, prompts.SUBQUERY_SCHEMA, name="subqueries"
            )
        except FAILURES as error:
            search.warn(self, error.in_full)
            return [text]
        parts = list(dict.fromkeys(part.strip() for part in reply["subqueries"] if part.strip()))
        if not parts:
            search.warn(self, "the model gives no query")
        return parts[: self.limit] or [text]


class Routing(Retriever, name="routing"):
    """Have a chat model choose the dataset to search."""

    needs_model = True
    model: ChatModelOption = None
    available_datasets: Texts = Field((), description="What it may choose; default all.")

    def _run(self, search: Search, query: Query) -> list[Hit]:
        choice = self._choice(search, query)
        top_k = search.overrides.at_least(self.top_k)
        return search.search(replace(query, datasets=choice, mode="dense", top_k=top_k))

    def _choice(self, search: Search, query: Query) -> tuple[str, ...]:
        """Return the dataset that the model chooses; all that it may choose, when it fails."""
        available = self._available(search, query)
        names = tuple(dataset.name for dataset in available)
        if len(names) == 1:
            return names
        prompt = prompts.ROUTING.format(datasets=_listed(available), query=query.text)
        schema = prompts.routing_schema(list(names))
        try:
            reply = search.models.ask(self.model, prompt, schema, name="dataset")
        except FAILURES as error:
            search.warn(self, error.in_full)
            return names
        return (reply["dataset"],)

    def _available(self, search: Search, query: Query) -> list[Dataset]:
        there = {dataset.name: dataset for dataset in search.datasets()}
        wanted: Sequence[str] = self.available_datasets or tuple(there)
        if search.overrides.datasets:
            wanted = [name for name in wanted if name in query.datasets]
        available = [there[name] for name in wanted if name in there]
        if not available:
            raise _none_available(self.available_datasets, query.datasets, wanted)
        return available


class WeightedRetriever(FlowModel):
    """One of the retrievers of ``merge``: ``{name, weight, options}``."""

    what = "the retriever"
    step: Retriever
    weight: Number = Field(1.0, ge=0)

    @classmethod
    def prepared(cls, given: Any, info: ValidationInfo) -> Any:
        """Return the retriever that ``name`` and ``options`` stand for, with its weight."""
        if not isinstance(given, Mapping):
            return given
        fields = named_values(given, ("name", "weight", "options"), cls.what)
        weight = {"weight": fields.pop("weight")} if fields.get("weight") is not None else {}
        fields.pop("weight", None)
        return {"step": checked(Retriever, fields, info.context), **weight}

    def values(self, path: Path = ()) -> Iterator[tuple[Path, FieldInfo, Any]]:
        """Yield the retriever's options, which stand beside its weight."""
        return self.step.values(path)

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        return {**self.step.shown(), "weight": self.weight}


class Merge(Retriever, name="merge"):
    """Ask several retrievers, and rank by the weighted sum of their scores."""

    retrievers: tuple[WeightedRetriever, ...] = Field(
        min_length=1, description="Each with name, weight (default 1) and options."
    )

    def _run(self, search: Search, query: Query) -> list[Hit]:
        lists = [
            (one.step.name, one.weight, search.retrieve(one.step, query)) for one in self.retrievers
        ]
        return weighted_sum(lists)[: search.overrides.at_least(self.top_k)]


def _none_available(
    of_flow: Sequence[str], asked: Sequence[str], wanted: Sequence[str]
) -> DatasetNotFoundError:
    """Return the error for a choice of no dataset: none is there, or the user names others."""
    named = ", ".join(map(repr, of_flow or asked))
    if of_flow and not wanted:
        others = ", ".join(map(repr, asked))
        return DatasetNotFoundError(
            f"the flow may choose among the datasets {named}, but {others} is asked for",
            hint="Leave `datasets` out, or name one of these.",
        )
    return DatasetNotFoundError(f"the flow may choose among the datasets {named}: none is there")


def _listed(datasets: Sequence[Dataset]) -> str:
    lines = []
    for dataset in datasets:
        about = json.dumps(dict(dataset.metadata), ensure_ascii=False) if dataset.metadata else ""
        lines.append(f"- id: {json.dumps(dataset.name, ensure_ascii=False)} {about}".rstrip())
    return "\n".join(lines)


# One list of hits of several, in which a passage stands once


def best_of(lists: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the hits of several questions, each with the best score it has in any list.

    Of equal scores the passage that more lists hold comes first.
    """
    if len(lists) == 1:
        return list(lists[0])
    best: dict[_Key, Hit] = {}
    held: dict[_Key, int] = {}
    for hit in (hit for hits in lists for hit in hits):
        key = _key(hit)
        held[key] = held.get(key, 0) + 1
        if key not in best or hit.score > best[key].score:
            best[key] = hit
    return sorted(
        best.values(),
        key=lambda hit: (-hit.score, -held[_key(hit)], hit.chunk.id, hit.dataset),
    )


def weighted_sum(lists: Sequence[tuple[str, float, Sequence[Hit]]]) -> list[Hit]:
    """Return the hits of several retrievers by the weighted sum of their scores.

    Each list's scores are brought to the scale from 0, its last hit's, to 1, its first hit's; those
    of ``bm25`` from no word at all. A passage that a list does not hold has 0 there. The metadata
    ``retriever``, ``retrieverScore::NAME`` and ``retrieverScoreNormalized::NAME`` say where a hit
    came from.

    Parameters
    ----------
    lists:
        Name of the retriever, its weight, and its hits, best first.
    """
    names = _distinct([name for name, _, _ in lists])
    found: dict[_Key, Hit] = {}
    sums: dict[_Key, float] = {}
    scores_of: dict[_Key, dict[str, float]] = {}
    for name, (kind, weight, hits) in zip(names, lists, strict=True):
        scale = _scale(kind, hits)
        for hit in hits:
            key = _key(hit)
            place = scale.place(hit.score) if scale.high > scale.low else 1.0
            found.setdefault(key, hit)
            sums[key] = sums.get(key, 0.0) + weight * place
            scores_of.setdefault(key, {})
            scores_of[key][f"retrieverScore::{name}"] = hit.score
            scores_of[key][f"retrieverScoreNormalized::{name}"] = round(place, DIGITS)
    merged = [
        _merged(hit, round(sums[key], DIGITS), scores_of[key], names) for key, hit in found.items()
    ]
    return sorted(merged, key=lambda hit: (-hit.score, hit.chunk.id, hit.dataset))


def _scale(kind: str, hits: Sequence[Hit]) -> Scale:
    scores = [hit.score for hit in hits]
    lowest = 0.0 if kind == "bm25" else min(scores, default=0.0)
    return Scale(lowest, max(scores, default=0.0))


def _merged(hit: Hit, score: float, scores: Mapping[str, float], names: Sequence[str]) -> Hit:
    own = [name for name in names if f"retrieverScore::{name}" in scores]
    metadata = {**hit.metadata, "retriever": ", ".join(own), **scores}
    return replace(hit, score=score, metadata=metadata)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that are given twice: ``basic``, ``basic-2``."""
    seen: dict[str, int] = {}
    distinct = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return distinct


def _key(hit: Hit) -> _Key:
    return hit.dataset, hit.chunk.id
