"""Postprocessors: what is done with hits, in the order of the flow."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field, create_model

from knowledge.documents.transformers import is_only_headings
from knowledge.errors import FlowsFileError
from knowledge.flows import ingestion_steps, prompts
from knowledge.flows.language_models import LanguageModels, ask_each
from knowledge.flows.model_steps import find_keywords
from knowledge.flows.modifiers import Warn
from knowledge.flows.overrides import Overrides
from knowledge.flows.retrievers import Bm25Options, TopK
from knowledge.flows.scaling import DIGITS, Scale
from knowledge.flows.schema import (
    ChatModelOption,
    Number,
    SecretText,
    Step,
    Texts,
    Values,
    Whole,
)
from knowledge.model import Hit
from knowledge.retrieval.refine.pipeline import steps as retrieval_steps
from knowledge.retrieval.refine.step import Step as RetrievalStep
from knowledge.settings.reading import Origin, Settings, Value

TopN = Annotated[Whole, Field(ge=0, description="Most passages that are kept; 0 is all.")]
T = TypeVar("T")

Refine = Callable[[str, Sequence[Hit], object], list[Hit]]
"""(question, hits, request) -> the hits after the retrieval steps that the request asks for."""


@dataclass(frozen=True, slots=True)
class Work:
    """What postprocessors work with.

    Parameters
    ----------
    warn:
        Called with what could not be done.
    origin:
        Where the flow's own values come from.
    """

    question: str
    settings: Settings
    models: LanguageModels
    overrides: Overrides
    warn: Warn
    origin: Origin
    refine: Refine

    def first(self, hits: list[Hit], most: int) -> list[Hit]:
        """Return the first ``most`` hits, or as many as the user asks for; 0 is all."""
        return hits[: self.overrides.at_least(most)] if most else hits

    def ranked(self, reranker: str, settings: Settings, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits by a reranker's scores, best first."""
        from knowledge.retrieval.rerank.choice import create_reranker

        with contextlib.closing(create_reranker(reranker, settings)) as rerank:
            return rerank(self.question, hits)

    def ask_each(
        self, step: Step, hits: Sequence[Hit], ask: Callable[[Hit], T], *, otherwise: T
    ) -> list[T]:
        """Ask a model about each hit; after a failure, of which the user is warned, no more."""
        answers, failures = ask_each(hits, ask, otherwise=otherwise)
        if failures:
            self.warn(step, failures[0].in_full)
        return answers


class Postprocessor(Step, kind="postprocessor"):
    """Hits to other hits.

    The retrieval steps are postprocessors by their own names, but for those that have another
    meaning here.
    """

    def __call__(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        """Return other hits of hits, best first.

        Raises
        ------
        KnowledgeError
            A reranker failed, or the step does not fit a hit.
        """
        return self._run(work, hits)

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        raise NotImplementedError

    @classmethod
    def choices(cls) -> Mapping[str, type[Step]]:
        """Return the postprocessors by name, retrieval steps among them."""
        return {**{step.field: _of_step(step) for step in retrieval_steps()}, **cls.known}


class _OfRetrievalStep(Postprocessor):
    """A retrieval step with its value."""

    step: ClassVar[RetrievalStep]

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        value = self.value if self.step.parameter else True  # type: ignore[attr-defined]
        return work.refine(work.question, hits, SimpleNamespace(**{self.step.field: value}))


@cache
def _of_step(step: RetrievalStep) -> type[_OfRetrievalStep]:
    """Return the postprocessor that runs a retrieval step."""
    fields: dict[str, Any] = {}
    if (own := step.parameter) is not None:
        kind = {int: Whole, float: Number, str: str}[own.type]
        option = Field(alias=own.name, description=own.help, ge=own.minimum, le=own.maximum)
        fields["value"] = (kind, option)
    made = create_model(step.field, __base__=_OfRetrievalStep, __doc__=step.help, **fields)
    made.step, made.name = step, step.field
    return made


class Similarity(Postprocessor, name="similarity"):
    """Leave out passages whose score is below a threshold."""

    threshold: Number = Field(description="Least score.")
    keep_min: Whole = Field(0, ge=0, description="Keep so many, whatever their score.")

    def _run(self, _work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return [
            hit
            for place, hit in enumerate(hits)
            if hit.score >= self.threshold or place < self.keep_min
        ]


class Reduce(Postprocessor, name="reduce"):
    """Keep the best passages."""

    top_k: TopK = 10

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return list(hits[: work.overrides.top_k or self.top_k])


class Bm25(Postprocessor, Bm25Options, name="bm25"):
    """Rank by BM25 among the passages found, beside the score they have."""

    top_n: TopN = 0
    sparse_weight: Number = Field(
        0.0, ge=0, le=1, description="The share of BM25; the rest is that of the score."
    )

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        """Rank by both scores, each on the scale from 0 to 1 that it spans among the hits."""
        from knowledge.retrieval.rerank.bm25 import bm25_scores

        texts = [hit.chunk.passage.embedding_text for hit in hits]
        words = bm25_scores(self._asked(work.question, texts), texts, k1=self.k1, b=self.b)
        places = zip(_scaled([hit.score for hit in hits]), _scaled(words), strict=True)
        share = self.sparse_weight
        combined = [round((1 - share) * own + share * word, DIGITS) for own, word in places]
        scored = [
            replace(
                hit,
                score=score,
                metadata={**hit.metadata, "bm25Score": word, "combinedScore": score},
            )
            for hit, word, score in zip(hits, words, combined, strict=True)
        ]
        return work.first(sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id)), self.top_n)

    def _asked(self, question: str, texts: Sequence[str]) -> str:
        """Return the question without stop words, where any word is left."""
        from knowledge.text.languages import detect, stop_words

        languages = self.languages()
        if "auto" in self.clean_stop_words:
            languages.append(detect(Counter(" ".join(texts).lower().split())))
        left_out = stop_words(languages)
        kept = [word for word in question.split() if word.lower().strip("?!.,;:") not in left_out]
        return " ".join(kept) or question


class CohereRerank(Postprocessor, name="cohere_rerank"):
    """Rank by a model of Cohere."""

    api_key: SecretText | None = Field(None, description="Key; default COHERE_API_KEY.")
    model: str = Field("", description="Model; default rerank's own for cohere.")
    top_n: TopN = 0

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        settings = work.settings
        if self.api_key is not None:
            key = Value(self.api_key.value, self.api_key.origin(work.origin), "apiKey of the flow")
            settings = settings.replaced(cohere_api_key=key)
        ranked = work.ranked(f"cohere:{self.model}".removesuffix(":"), settings, hits)
        scored = [
            replace(hit, metadata={**hit.metadata, "rerankRelevanceScore": hit.score})
            for hit in ranked
        ]
        return work.first(scored, self.top_n)


class Rerank(Postprocessor, name="rerank"):
    """Rank by any model that `rerank` takes, such as cross-encoder."""

    reranker: str = Field(alias="name", description="As `rerank` takes it: NAME or NAME:MODEL.")
    top_n: TopN = 0

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        settings = work.settings
        if self.reranker != settings["rerank"]:  # else the user, or the folder, named it as well
            settings = settings.replaced(rerank=Value(self.reranker, work.origin, "rerank"))
        return work.first(work.ranked(self.reranker, settings, hits), self.top_n)


class ContentSubstringFilter(Postprocessor, name="content_substring_filter"):
    """Keep passages that hold all of some texts, and none of others."""

    contains: Texts = Field((), description="All of these, in this upper and lower case.")
    not_contains: Texts = Field((), description="None of these.")

    def _run(self, _work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return [
            hit
            for hit in hits
            if all(text in hit.text for text in self.contains)
            and not any(text in hit.text for text in self.not_contains)
        ]


class ContentFilter(Postprocessor, name="content_filter"):
    """Have a chat model answer a question about each passage, and filter by the answer."""

    needs_model = True
    question: str = Field(description="A question to be answered yes or no.")
    include: bool = Field(True, description="Keep those with yes; false keeps the others.")
    model: ChatModelOption = Field(None, alias="LLM")

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        def passes(hit: Hit) -> bool:
            prompt = prompts.CONTENT_FILTER.format(question=self.question, text=hit.text)
            schema = prompts.CONTENT_FILTER_SCHEMA
            reply = work.models.ask(self.model, prompt, schema, name="filter")
            return bool(reply["answer"]) is self.include

        kept = work.ask_each(self, hits, passes, otherwise=True)
        return [hit for hit, keep in zip(hits, kept, strict=True) if keep]


# The transformers of an ingest, on the metadata that is shown


class ExtraMetadata(Postprocessor, name="extra_metadata"):
    """Add metadata."""

    metadata: Values = Field({}, description="What is added; it replaces what is there.")

    def _run(self, _work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return [replace(hit, metadata={**hit.metadata, **self.metadata}) for hit in hits]


class Metadata(Postprocessor, name="metadata"):
    """Add, replace or remove metadata."""

    manipulations: ingestion_steps.Changes

    def _run(self, _work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return [replace(hit, metadata=self._changed(hit.metadata)) for hit in hits]

    def _changed(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(metadata)
        for change in self.manipulations:
            if change.operator == "remove":
                changed.pop(change.key, None)
            elif change.operator == "add" and change.key in changed:
                raise FlowsFileError(
                    f"the flow adds the metadata {change.key!r} to a hit that has it already",
                    hint="The operator upsert replaces it.",
                )
            else:
                changed[change.key] = change.value
        return changed


class WithContent(Postprocessor, name="filter_markdown_docs_no_content"):
    """Leave out passages that hold nothing but headings."""

    def _run(self, _work: Work, hits: Sequence[Hit]) -> list[Hit]:
        return [hit for hit in hits if not is_only_headings(hit.text)]


class Keywords(Postprocessor, name="keywords"):
    """Have a chat model find keywords, shown as the metadata keywords."""

    needs_model = True
    most: Whole = Field(5, ge=1, le=100, alias="NumKeywords", description="Most keywords.")
    model: ChatModelOption = Field(None, alias="LLM")

    def _run(self, work: Work, hits: Sequence[Hit]) -> list[Hit]:
        def ask(hit: Hit) -> list[str]:
            text = hit.chunk.passage.embedding_text
            return find_keywords(work.models, self.model, self.most, text)

        none: list[str] = []
        found = work.ask_each(self, hits, ask, otherwise=none)
        return [
            replace(hit, metadata={**hit.metadata, "keywords": words}) if words else hit
            for hit, words in zip(hits, found, strict=True)
        ]


def _scaled(scores: Sequence[float]) -> list[float]:
    if not scores or min(scores) == max(scores):
        return [float(bool(score)) for score in scores]
    scale = Scale(min(scores), max(scores))
    return [scale.place(score) for score in scores]
