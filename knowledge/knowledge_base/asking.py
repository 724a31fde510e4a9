"""Answers in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.knowledge_base.flow_answers import FlowAnswers
from knowledge.retrieval.refine.refinement import Refinement

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer, Listener
    from knowledge.flows.answer import Overrides
    from knowledge.retrieval.query import Query

PASSAGE_TOKENS = 3_000
"""Tokens of passages that a chat model is given: small local ones read 4,096 in all."""


class Asking(FlowAnswers):
    """Questions to answers, by a chat model."""

    def ask(
        self,
        query: str,
        datasets: str | Sequence[str] = ("default",),
        top_k: int | None = None,
        *,
        max_tokens: int = PASSAGE_TOKENS,
        listen: Listener | None = None,
        **options: Any,
    ) -> Answer:
        """Have a chat model answer a question from retrieved passages alone.

        Parameters
        ----------
        query, datasets, top_k, options:
            As for :meth:`retrieve`.
        max_tokens:
            Most tokens of all passages together that the chat model is given.
        listen:
            Called with each piece of the answer as it comes.

        Raises
        ------
        NoChatModelError
            No chat model is set.
        RemoteError
            The chat model failed.
        KnowledgeError
            As for :meth:`retrieve`.
        """
        from knowledge.flows.answer import Overrides

        names = {field.name for field in fields(Refinement)} & options.keys()
        refining = {name: options.pop(name) for name in names}
        asked = self.query(query, datasets, top_k, **options)
        return self.ask_query(
            asked,
            Refinement(**refining, max_tokens=max_tokens),
            Overrides(top_k, options.get("mode"), True),
            listen,
        )

    def ask_query(
        self,
        query: Query,
        refinement: Refinement,
        overrides: Overrides | None = None,
        listen: Listener | None = None,
    ) -> Answer:
        """Answer a query that is put together already; else like :meth:`ask`."""
        from knowledge.answering.answer import answer
        from knowledge.chat import ChatModel

        # Before anything is searched: a missing model is told at once.
        model = ChatModel.from_settings(self.settings, temperature=0.0, notify=self._notify)
        try:
            hits = self.run_by_flow(query, refinement, overrides).hits
            if not hits and refinement.max_tokens is not None:
                self._check_budget(query, refinement.max_tokens)
            return answer(query.text, hits, model, listen)
        finally:
            model.close()

    def _check_budget(self, query: Query, max_tokens: int) -> None:
        """Raise when there are passages, but none is short enough."""
        if self.run_query(query):
            raise UsageError(
                f"none of the passages is as short as --max-tokens {max_tokens}",
                hint="Raise it, or lower --context.",
            )
