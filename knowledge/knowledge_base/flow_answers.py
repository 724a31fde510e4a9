"""Getting passages out by a flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from knowledge.knowledge_base.retrieving import Retrieving
from knowledge.model import Dataset, Hit
from knowledge.settings.reading import Origin

if TYPE_CHECKING:
    from knowledge.flows.answer import FlowAnswer, Overrides
    from knowledge.retrieval.query import Query
    from knowledge.retrieval.refine.refinement import Refinement


class FlowAnswers(Retrieving):
    """Questions to hits, as the flows file says where the settings name one."""

    def retrieve(
        self,
        query: str,
        datasets: str | Sequence[str] | None = None,
        top_k: int | None = None,
        **options: Any,
    ) -> list[Hit]:
        """Return the passages that fit a question best, best first; none is an empty list.

        Parameters
        ----------
        query:
            The question.
        datasets:
            Name or names; hits of all are ranked together. Default ``default``.
        top_k:
            Most hits, from 1 to 10,000; default what the flow says, else 10.
        options:
            As :meth:`query` takes them, ``threshold``, ``where``, ``mode`` and so on; and what is
            done with the hits, as the fields of
            :class:`knowledge.retrieval.refine.refinement.Refinement`: ``rerank``, ``mmr`` and so
            on.

        Raises
        ------
        UsageError
            An argument does not fit.
        DatasetNotFoundError
            A dataset does not exist.
        RemoteError
            The provider failed.
        """
        names = datasets or ("default",)
        if not self._has_flow:
            return super().retrieve(query, names, 10 if top_k is None else top_k, **options)
        from knowledge.flows.answer import Overrides
        from knowledge.retrieval.refine.refinement import Refinement

        refining = {field.name for field in fields(Refinement)} & options.keys()
        refinement = Refinement(**{name: options.pop(name) for name in refining})
        overrides = Overrides(top_k, options.get("mode"), bool(datasets))
        return self.run_by_flow(
            self.query(query, names, top_k, **options), refinement, overrides
        ).hits

    def run_by_flow(
        self, query: Query, refinement: Refinement | None = None, overrides: Overrides | None = None
    ) -> FlowAnswer:
        """Run a query by the flow that counts for its datasets; in the usual way without one.

        Parameters
        ----------
        refinement:
            What is done with the hits after the flow.
        overrides:
            What the user asks for this time, which wins over the flow; by default ``top_k``
            where a flag gave it.

        Raises
        ------
        KnowledgeError
            As for :meth:`retrieve`; and whatever is wrong with the flows file.
        """
        from knowledge.flows.answer import FlowAnswer, Overrides
        from knowledge.retrieval.refine.refinement import Refinement

        refinement = refinement or Refinement()
        flow = self.flow_for(query.datasets) if self._has_flow else None
        if flow is None:
            query = self.resolve_query(query)
            return FlowAnswer("", (query.text,), self.run_query(query, refinement), query)
        from knowledge.flows.answer import answer
        from knowledge.flows.reading import origin_of_flows
        from knowledge.retrieval.query import MAX_TOP_K

        if overrides is None:
            by_flag = self.settings.origin("top_k") is Origin.FLAG
            overrides = Overrides(query.top_k if by_flag else None)
        found = answer(
            flow,
            query,
            overrides,
            self.settings,
            self._models(),
            resolve=self.resolve_query,
            search=lambda one: self.run_query(one, Refinement(fold=False)),
            refine=lambda question, hits, request: self._refined(
                replace(query, text=question, top_k=min(max(len(hits), 1), MAX_TOP_K)),
                hits,
                request,
            ),
            datasets=self._all_datasets,
            notify=self._notify,
            origin=origin_of_flows(self.settings),
        )
        given = min(max(len(found.hits), 1), MAX_TOP_K)
        shown = replace(found.query, top_k=overrides.top_k or given)
        return replace(found, hits=self._refined(shown, found.hits, refinement), query=shown)

    def _all_datasets(self) -> list[Dataset]:
        if not self.store.exists():
            return []
        with self.store.open() as catalog:
            return catalog.datasets()

    def _refined(self, query: Query, hits: Sequence[Hit], refinement: object) -> list[Hit]:
        if not hits:
            return []
        rerank = self._reranker(getattr(refinement, "rerank", ""))
        return self._opened_retriever().refined(query, hits, refinement, rerank)
