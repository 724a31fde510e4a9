"""Query modifiers: a chat model words the question anew before it is searched for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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
    model: ChatModelOption = None

    def __call__(self, query: str, models: LanguageModels, warn: Warn) -> list[str]:
        """Return what the step makes of a question.

        When the model fails, or says nothing, the question stays as it is, and the user is warned.
        """
        try:
            found = self.ask(query, models)
        except FAILURES as error:
            warn(self, error.in_full)
            return [query]
        kept = list(dict.fromkeys(text.strip() for text in found if text.strip()))
        if not kept:
            warn(self, "the model gives no query")
        return kept or [query]

    def ask(self, query: str, models: LanguageModels) -> list[str]:
        """Return the model's questions.

        Raises
        ------
        ChatError, NoChatModelError
            It gives none.
        """
        raise NotImplementedError

    def _result(self, prompt: str, query: str, models: LanguageModels) -> list[str]:
        asked = prompt.format(query=query)
        reply = models.ask(self.model, asked, prompts.RESULT_SCHEMA, name=self.name)
        return [reply["result"]]


class SpellCheck(Modifier, name="spellcheck"):
    """Correct the spelling."""

    def ask(self, query: str, models: LanguageModels) -> list[str]:
        """Return the corrected question."""
        return self._result(prompts.SPELLCHECK, query, models)


class Enhance(Modifier, name="enhance"):
    """Word the question for the search."""

    def ask(self, query: str, models: LanguageModels) -> list[str]:
        """Return the question in other words."""
        return self._result(prompts.ENHANCE, query, models)


class Generic(Modifier, name="generic"):
    """Make one question or several of it, as a prompt of yours says."""

    prompt: str = Field(description="The model's instruction; {{.query}} stands for the question.")

    def ask(self, query: str, models: LanguageModels) -> list[str]:
        """Return the questions that the prompt leads to."""
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
