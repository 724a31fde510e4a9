"""A flows file as it is read: flows, and which dataset has which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from knowledge.documents.media_types import MEDIA_TYPES
from knowledge.flows.ingestion_steps import (
    Loader,
    Splitter,
    Splitting,
    Transformer,
    check_overlap,
)
from knowledge.flows.modifiers import Modifier
from knowledge.flows.postprocessors import Postprocessor
from knowledge.flows.retrievers import Merge, Retriever
from knowledge.flows.schema import FlowModel, Model, Secret, Step, Texts, problem
from knowledge.flows.source import Node, Problem, Problems
from knowledge.text.wording import nearest


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


def _known_filetypes(filetypes: tuple[str, ...]) -> tuple[str, ...]:
    for kind in filetypes:
        if kind == "*" or kind.startswith(".") or kind.endswith("/*"):
            continue
        if "/" not in kind:
            hint = f"Write '.{kind}' for an extension, or '*' for all files."
            raise problem(f"{kind!r} is not a type of file", hint)
        if kind.lower() not in MEDIA_TYPES:
            hint = nearest(kind, MEDIA_TYPES)
            shown = hint if hint.startswith("Did") else "An extension such as '.md' works too."
            raise problem(f"no file is found to be {kind!r}", shown)
    return filetypes


class IngestionEntry(FlowModel):
    """What is done with files of some types; a part that is ``None`` is done in the usual way."""

    what = "the ingestion entry"
    filetypes: Annotated[Texts, AfterValidator(_known_filetypes)] = Field(
        min_length=1, description='Such as [".md", "text/plain"].'
    )
    loader: Loader | None = Field(default=None, alias="documentLoader")
    splitter: Splitter | None = Field(default=None, alias="textSplitter")
    transformers: tuple[Transformer, ...] | None = None


class IngestionGlobals(FlowModel):
    """What holds for all entries of a flow."""

    what = "globals.ingestion"
    textsplitter: Splitting | None = Field(default=None, alias="textsplitter")


class Globals(FlowModel):
    """What holds for all parts of a flow."""

    what = "globals"
    ingestion: IngestionGlobals | None = None


class RetrievalFlow(FlowModel):
    """How a question is answered; without a retriever in the usual way."""

    what = "retrieval"
    modifiers: tuple[Modifier, ...] = Field(default=(), alias="queryModifiers")
    retriever: Retriever | None = None
    postprocessors: tuple[Postprocessor, ...] = ()


class Flow(FlowModel):
    """One flow; a part that is left out is done in the usual way."""

    default: bool = False
    globals: Globals | None = None
    ingestion: tuple[IngestionEntry, ...] = ()
    retrieval: RetrievalFlow | None = None
    _name: str = PrivateAttr("")

    @classmethod
    def called(cls, context: Any) -> str:
        """Return the flow's name."""
        return f"flow {context['flow']!r}"

    @classmethod
    def prepared(cls, given: Any, info: ValidationInfo) -> Any:
        """Return what is given, in which something must be said of ingestion or retrieval."""
        names = {name.lower() for name in given} if isinstance(given, Mapping) else {"ingestion"}
        if not names - {"default", "globals"}:
            raise problem(f"{cls.called(info.context)} has neither ingestion nor retrieval")
        return super().prepared(given, info)

    def model_post_init(self, context: Any) -> None:
        """Take the flow's name, which stands before it."""
        self._name = context["flow"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for number, entry in enumerate(self.ingestion):
            try:
                check_overlap(self.splitting_of(entry))
            except ValidationError as error:
                said = error.errors()[0]["ctx"]["said"]
                raise problem(said, at=("ingestion", number, "textSplitter")) from error
        return self

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def splitting(self) -> Mapping[str, Any]:
        """The options of splitters for all entries, by name."""
        ingestion = self.globals.ingestion if self.globals else None
        return ingestion.textsplitter.given() if ingestion and ingestion.textsplitter else {}

    def splitting_of(self, entry: IngestionEntry) -> Mapping[str, Any]:
        """Return the options of an entry's splitter, by name; its own win over those for all."""
        return {**self.splitting, **(entry.splitter.given() if entry.splitter else {})}

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
        return list(dict.fromkeys(step.name for step in self.steps() if step.needs_model))

    def shown(self) -> dict[str, Any]:
        """Return it as a file has it; keys are masked."""
        return {"default": self.default, **super().shown()}


def _with_inner(step: Retriever) -> Iterator[Step]:
    yield step
    if isinstance(step, Merge):
        for inner in step.retrievers:
            yield from _with_inner(inner.step)


class _Content(FlowModel):
    """What stands at the top of a file; flows are checked one by one, for each has a name."""

    what = "the file"
    flows: dict[str, Any] | None = None
    datasets: dict[str, str] | None = None


def read_flows(root: Node, problems: Problems) -> tuple[dict[str, Flow], dict[str, str]]:
    """Return the flows of a file by name, and the flow of each dataset; note what is wrong."""
    _checked(_Content, root, {}, problems)
    named, chosen = root.at(["flows"]), root.at(["datasets"])
    if named is root or not named.value:
        problems.add(named.line, "it holds no flows", "Such as: flows: {NAME: {…}}")
        return {}, {}
    flows: dict[str, Flow] = {}
    for name, node in named.below.items() if isinstance(named.value, dict) else ():
        flow = _checked(Flow, node, {"flow": name}, problems)
        if flow is None:
            continue
        if flow.default and any(other.default for other in flows.values()):
            problems.add(node.line, f"flow {name!r} is a second default; there may be one")
        flows[flow.name] = flow
    datasets: dict[str, Any] = {}
    if chosen is not root and isinstance(chosen.value, dict):
        datasets = chosen.value
    for dataset, name in datasets.items():
        if str(name) not in named.below:
            problems.add(
                chosen.at([dataset]).line,
                f"dataset {dataset!r} has the flow {name!r}, which is not here",
                nearest(str(name), map(str, named.below)),
            )
    return flows, {dataset: str(name) for dataset, name in datasets.items()}


def _checked(
    model: type[Model], node: Node, context: Mapping[str, Any], problems: Problems
) -> Model | None:
    """Return a model of what a node holds; ``None`` where it does not fit, which is noted."""
    try:
        found = model.model_validate({} if node.value is None else node.value, context=context)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            problems.add(node.at(one["loc"]).line, one["ctx"]["said"], one["ctx"]["hint"])
        return None
    for path, option, value in found.values():
        given, name = node.at(path), path[-1]
        if isinstance(value, Secret):
            value.value = given.text
            value.environment, value.dotenv = bool(given.environment), bool(given.dotenv)
            if not given.environment and not given.dotenv:
                problems.notice(given.line, f"{name} stands in the file; ${{NAME}} keeps it out")
        extra = option.json_schema_extra
        if isinstance(extra, dict) and "without_effect" in extra:
            problems.notice(given.line, f"{name} has no effect: {extra['without_effect']}")
    return found
