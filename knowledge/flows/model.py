"""A flows file as it is read: flows, and which dataset has which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowledge.flows.problems import Problem
from knowledge.flows.steps import Step


@dataclass(frozen=True, slots=True)
class IngestionEntry:
    """What is done with files of some types; a part that is ``None`` is done in the usual way."""

    filetypes: tuple[str, ...]
    loader: Step | None = None
    splitter: Step | None = None
    transformers: tuple[Step, ...] | None = None
    line: int = 0

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it."""
        shown: dict[str, Any] = {"filetypes": list(self.filetypes)}
        if self.loader is not None:
            shown["documentLoader"] = self.loader.shown()
        if self.splitter is not None:
            shown["textSplitter"] = self.splitter.shown()
        if self.transformers is not None:
            shown["transformers"] = [step.shown() for step in self.transformers]
        return shown


@dataclass(frozen=True, slots=True)
class RetrievalFlow:
    """How a question is answered; without a retriever in the usual way."""

    modifiers: tuple[Step, ...] = ()
    retriever: Step | None = None
    postprocessors: tuple[Step, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it."""
        shown: dict[str, Any] = {}
        if self.modifiers:
            shown["queryModifiers"] = [step.shown() for step in self.modifiers]
        if self.retriever is not None:
            shown["retriever"] = self.retriever.shown()
        if self.postprocessors:
            shown["postprocessors"] = [step.shown() for step in self.postprocessors]
        return shown


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow.

    Parameters
    ----------
    splitting:
        The options of splitters for all entries, which each entry's own win over.
    retrieval:
        ``None`` where the flow says nothing of it.
    """

    name: str
    default: bool = False
    splitting: Mapping[str, Any] = field(default_factory=dict)
    ingestion: tuple[IngestionEntry, ...] = ()
    retrieval: RetrievalFlow | None = None
    line: int = 0

    @property
    def ingests(self) -> bool:
        """True when it says how files are read."""
        return bool(self.ingestion or self.splitting)

    def steps(self) -> Iterator[Step]:
        """Yield all steps, those inside ``merge`` too."""
        for entry in self.ingestion:
            yield from filter(None, (entry.loader, entry.splitter))
            yield from entry.transformers or ()
        if self.retrieval is not None:
            yield from self.retrieval.modifiers
            if self.retrieval.retriever is not None:
                yield from _with_inner(self.retrieval.retriever)
            yield from self.retrieval.postprocessors

    @property
    def model_steps(self) -> list[str]:
        """Names of the steps that ask a chat model."""
        return list(dict.fromkeys(step.name for step in self.steps() if step.spec.needs_model))

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        shown: dict[str, Any] = {"default": self.default}
        if self.splitting:
            shown["globals"] = {"ingestion": {"textsplitter": dict(self.splitting)}}
        if self.ingestion:
            shown["ingestion"] = [entry.shown() for entry in self.ingestion]
        if self.retrieval is not None:
            shown["retrieval"] = self.retrieval.shown()
        return shown


@dataclass(frozen=True, slots=True)
class FlowsFile:
    """A file of flows.

    Parameters
    ----------
    source:
        Its path, or ``blueprint:NAME``.
    datasets:
        The flow of each dataset that has one of its own.
    notices:
        What is worth knowing of it.
    """

    source: str
    flows: Mapping[str, Flow]
    datasets: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Problem, ...] = ()

    @property
    def default(self) -> Flow | None:
        """The default flow."""
        return next((flow for flow in self.flows.values() if flow.default), None)


def _with_inner(step: Step) -> Iterator[Step]:
    yield step
    if step.name == "merge":
        for inner in step["retrievers"]:
            yield from _with_inner(inner.step)
