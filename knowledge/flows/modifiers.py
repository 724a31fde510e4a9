"""Query modifiers: a chat model rewrites the question before the search."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field

from knowledge.flows import prompts
from knowledge.flows.language_models import FAILURES, LanguageModels
from knowledge.flows.schema import ChatModelOption, Step

Warn = Callable[[Step, str], None]
"""Called with a step that was left out, and why."""

_QUERY = re.compile(r"\{\{\s*\.?\s*query\s*\}\}", re.IGNORECASE)


class Modifier(Step, kind="query modifier"):
    """One question to one question, or several."""

    needs_model = True
    instruction: ClassVar[str] = ""
    model: ChatModelOption = None

    def __call__(self, query: str, models: LanguageModels, warn: Warn) -> list[str]:
        """Return what the step makes of a question.

        When the model fails, or says nothing, the question stays as it is, and the user is warned.
        """
        try:
            found = self._ask(query, models)
        except FAILURES as error:
            warn(self, error.in_full)
            return [query]
        kept = list(dict.fromkeys(text.strip() for text in found if text.strip()))
        if not kept:
            warn(self, "the model gives no query")
        return kept or [query]

    def _ask(self, query: str, models: LanguageModels) -> list[str]:
        asked = self.instruction.format(query=query)
        reply = models.ask(self.model, asked, prompts.RESULT_SCHEMA, name=self.name)
        return [reply["result"]]


class SpellCheck(Modifier, name="spellcheck"):
    """Correct the spelling."""

    instruction = prompts.SPELLCHECK


class Enhance(Modifier, name="enhance"):
    """Word the question for the search."""

    instruction = prompts.ENHANCE


class Generic(Modifier, name="generic"):
    """Make one question or several of it, as a prompt of yours says."""

    prompt: str = Field(description="The model's instruction; {{.query}} stands for the question.")

    def _ask(self, query: str, models: LanguageModels) -> list[str]:
        asked = _QUERY.sub(lambda _: query, self.prompt)
        if asked == self.prompt:
            asked = f"{asked}\n\nQuery: {query}"
        reply: dict[str, Any] = models.ask(
            self.model,
            asked,
            prompts.GENERIC_SCHEMA,
            name="queries",
            system=prompts.GENERIC_SYSTEM,
        )
        found = reply.get("results") or reply.get("result") or []
        return [found] if isinstance(found, str) else list(found)
