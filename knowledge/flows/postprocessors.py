"""Postprocessors: what is done with hits, in the order of the flow."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from knowledge.documents.transformers import is_only_headings
from knowledge.errors import FlowsFileError
from knowledge.flows import prompts
from knowledge.flows.exchange import Wishes
from knowledge.flows.language_models import FAILURES, LanguageModels
from knowledge.flows.model_steps import find_keywords
from knowledge.flows.modifiers import Warn
from knowledge.flows.steps import Step
from knowledge.model import Hit
from knowledge.retrieval.search.fusion import Scale
from knowledge.settings.reading import Origin, Settings, Value

_AT_ONCE = 3
_DIGITS = 9

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Postprocessors:
    """Runs postprocessors.

    Parameters
    ----------
    warn:
        Told what could not be done.
    origin:
        Where the flow's own values come from.
    """

    settings: Settings
    models: LanguageModels
    wishes: Wishes
    warn: Warn
    origin: Origin

    def __call__(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return other hits of hits, best first.

        Raises
        ------
        KnowledgeError
            A reranker failed, or the step does not fit a hit.
        """
        run: Mapping[str, Callable[[Step, str, Sequence[Hit]], list[Hit]]] = {
            "similarity": self._similarity,
            "reduce": self._reduce,
            "bm25": self._bm25,
            "cohere_rerank": self._cohere_rerank,
            "rerank": self._rerank,
            "content_substring_filter": self._content_substring_filter,
            "content_filter": self._content_filter,
            "extra_metadata": self._extra_metadata,
            "metadata": self._metadata,
            "filter_markdown_docs_no_content": self._with_content,
            "keywords": self._keywords,
        }
        return run[step.name](step, question, hits)

    def _similarity(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question
        return [
            hit
            for place, hit in enumerate(hits)
            if hit.score >= step["threshold"] or place < step["keepMin"]
        ]

    def _reduce(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question
        return list(hits[: self.wishes.top_k or step["topK"]])

    def _bm25(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Rank by both scores, each on the scale from 0 to 1 that it spans among the hits."""
        from knowledge.retrieval.rerank.bm25 import bm25_scores

        texts = [hit.chunk.passage.embedding_text for hit in hits]
        asked = _without_little_words(question, step, texts)
        words = bm25_scores(asked, texts, k1=step["k1"], b=step["b"])
        places = zip(_scaled([hit.score for hit in hits]), _scaled(words), strict=True)
        share = step["sparseWeight"]
        combined = [round((1 - share) * own + share * word, _DIGITS) for own, word in places]
        scored = [
            replace(
                hit,
                score=score,
                metadata={**hit.metadata, "bm25Score": word, "combinedScore": score},
            )
            for hit, word, score in zip(hits, words, combined, strict=True)
        ]
        return self._first(step, sorted(scored, key=lambda hit: (-hit.score, hit.chunk.id)))

    def _cohere_rerank(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        model = f":{step['model']}" if step["model"] else ""
        settings = self.settings
        secret = step["apiKey"]
        if secret is not None:
            origin = self.origin
            if secret.environment or secret.dotenv:
                origin = Origin.ENVIRONMENT if secret.environment else Origin.DOTENV
            settings = settings.replaced(
                cohere_api_key=Value(secret.value, origin, "apiKey of the flow")
            )
        ranked = self._ranked(f"cohere{model}", settings, question, hits)
        told = [
            replace(hit, metadata={**hit.metadata, "rerankRelevanceScore": hit.score})
            for hit in ranked
        ]
        return self._first(step, told)

    def _rerank(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        settings = self.settings
        if step["name"] != settings["rerank"]:  # else the user, or the folder, named it as well
            settings = settings.replaced(rerank=Value(step["name"], self.origin, "rerank"))
        return self._first(step, self._ranked(step["name"], settings, question, hits))

    def _ranked(
        self, name: str, settings: Settings, question: str, hits: Sequence[Hit]
    ) -> list[Hit]:
        from knowledge.retrieval.rerank.choice import create_reranker

        with contextlib.closing(create_reranker(name, settings)) as rerank:
            return rerank(question, hits)

    def _first(self, step: Step, hits: list[Hit]) -> list[Hit]:
        """Return the first ``topN`` hits; 0 is all."""
        return hits[: self.wishes.at_least(step["topN"])] if step["topN"] else hits

    def _content_substring_filter(
        self, step: Step, question: str, hits: Sequence[Hit]
    ) -> list[Hit]:
        del question
        return [
            hit
            for hit in hits
            if all(text in hit.text for text in step["contains"])
            and not any(text in hit.text for text in step["notContains"])
        ]

    def _content_filter(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question

        def passes(hit: Hit) -> bool:
            told = prompts.CONTENT_FILTER.format(question=step["question"], text=hit.text)
            reply = self.models.ask(step["LLM"], told, prompts.CONTENT_FILTER_SCHEMA, name="filter")
            return bool(reply["answer"]) is step["include"]

        kept = self._for_each(step, hits, passes, otherwise=True)
        return [hit for hit, keep in zip(hits, kept, strict=True) if keep]

    def _keywords(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question
        none: list[str] = []
        found = self._for_each(
            step,
            hits,
            lambda hit: find_keywords(self.models, step, hit.chunk.passage.embedding_text),
            otherwise=none,
        )
        return [
            replace(hit, metadata={**hit.metadata, "keywords": words}) if words else hit
            for hit, words in zip(hits, found, strict=True)
        ]

    def _for_each(
        self, step: Step, hits: Sequence[Hit], ask: Callable[[Hit], T], *, otherwise: T
    ) -> list[T]:
        """Ask a model about each hit; after a failure, of which the user is told, no more."""
        failures: list[str] = []

        def asked(hit: Hit) -> T:
            if failures:
                return otherwise
            try:
                return ask(hit)
            except FAILURES as error:
                failures.append(error.in_full)
                return otherwise

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            answers = list(threads.map(asked, hits))
        if failures:
            self.warn(step, failures[0])
        return answers

    def _extra_metadata(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question
        return [replace(hit, metadata={**hit.metadata, **step["metadata"]}) for hit in hits]

    def _metadata(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del question
        return [
            replace(hit, metadata=_changed(hit.metadata, step["manipulations"])) for hit in hits
        ]

    def _with_content(self, step: Step, question: str, hits: Sequence[Hit]) -> list[Hit]:
        del step, question
        return [hit for hit in hits if not is_only_headings(hit.text)]


def _changed(metadata: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    changed = dict(metadata)
    for change in changes:
        key, operator = change["key"], change["operator"]
        if operator == "remove":
            changed.pop(key, None)
        elif operator == "add" and key in changed:
            raise FlowsFileError(
                f"the flow adds the metadata {key!r} to a hit that has it already",
                hint="The operator upsert replaces it.",
            )
        else:
            changed[key] = change["value"]
    return changed


def _scaled(scores: Sequence[float]) -> list[float]:
    if not scores or min(scores) == max(scores):
        return [float(bool(score)) for score in scores]
    scale = Scale(min(scores), max(scores))
    return [scale.place(score) for score in scores]


def _without_little_words(question: str, step: Step, texts: Sequence[str]) -> str:
    """Return the question without the words that ``cleanStopWords`` names, if any are left."""
    from knowledge.text.languages import detect, named, stop_words

    wanted = step["cleanStopWords"]
    languages = [named(language) or language for language in wanted if language != "auto"]
    if "auto" in wanted:
        languages.append(detect(Counter(" ".join(texts).lower().split())))
    little = stop_words(languages)
    telling = [word for word in question.split() if word.lower().strip("?!.,;:") not in little]
    return " ".join(telling) or question
