"""Query modifiers: a chat model words the question anew before it is searched for."""

from __future__ import annotations

import re
from collections.abc import Callable

from knowledge.flows import prompts
from knowledge.flows.language_models import FAILURES, LanguageModels
from knowledge.flows.steps import Step

Warn = Callable[[Step, str], None]
"""Told of a step that was left out, and why."""

_QUERY = re.compile(r"\{\{\s*\.?\s*query\s*\}\}", re.IGNORECASE)


def modify(step: Step, query: str, models: LanguageModels, warn: Warn) -> list[str]:
    """Return what a step makes of a question: one question, or several.

    When the model fails, or says nothing, the question stays as it is, and the user is told.
    """
    try:
        found = _modified(step, query, models)
    except FAILURES as error:
        warn(step, error.in_full)
        return [query]
    kept = list(dict.fromkeys(text.strip() for text in found if text.strip()))
    if not kept:
        warn(step, "the model gives no query")
    return kept or [query]


def _modified(step: Step, query: str, models: LanguageModels) -> list[str]:
    if step.name == "generic":
        return _generic(step, query, models)
    told = {"spellcheck": prompts.SPELLCHECK, "enhance": prompts.ENHANCE}[step.name]
    reply = models.ask(
        step["model"], told.format(query=query), prompts.RESULT_SCHEMA, name=step.name
    )
    return [reply["result"]]


def _generic(step: Step, query: str, models: LanguageModels) -> list[str]:
    prompt = str(step["prompt"])
    told = _QUERY.sub(lambda _: query, prompt)
    if told == prompt:
        told = f"{prompt}\n\nQuery: {query}"
    reply = models.ask(
        step["model"],
        told,
        prompts.GENERIC_SCHEMA,
        name="queries",
        system=prompts.GENERIC_SYSTEM,
    )
    found = reply.get("results") or reply.get("result") or []
    return [found] if isinstance(found, str) else list(found)
