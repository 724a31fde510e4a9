"""From nodes to flows; whatever a flow can't have is noted with its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knowledge.documents.media_types import MEDIA_TYPES
from knowledge.flows.catalogue import SPLITTER_OPTIONS, StepKind
from knowledge.flows.model import Flow, IngestionEntry, RetrievalFlow
from knowledge.flows.nodes import Item, Node
from knowledge.flows.options import Kind, Option, read_fields, read_option
from knowledge.flows.problems import Problems, nearest
from knowledge.flows.steps import Step, read_options, read_step
from knowledge.text.tokens import ENCODINGS, knows_tokenizer

_FLOW = ("default", "globals", "ingestion", "retrieval")
_ENTRY = ("filetypes", "documentLoader", "textSplitter", "transformers")
_RETRIEVAL = ("queryModifiers", "retriever", "postprocessors")


def read_flows(root: Node, problems: Problems) -> tuple[dict[str, Flow], dict[str, str]]:
    """Read a whole file: its flows by name, and the flow of each dataset."""
    fields = read_fields(root, ("flows", "datasets"), "the file", problems)
    flows: dict[str, Flow] = {}
    if "flows" not in fields:
        problems.add(root.line, "it holds no flows")
    elif not fields["flows"].value:
        problems.add(fields["flows"].line, "it holds no flows", "Such as: flows: {NAME: {…}}")
    for name, item in _items(fields.get("flows"), "flows", problems):
        flow = _flow(name, item, problems)
        if flow.default and any(other.default for other in flows.values()):
            problems.add(item.line, f"flow {name!r} is a second default; there may be one")
        flows[name] = flow
    datasets = {}
    for dataset, item in _items(fields.get("datasets"), "datasets", problems):
        flow_name = str(item.node.value)
        if flow_name not in flows:
            problems.add(
                item.line,
                f"dataset {dataset!r} has the flow {flow_name!r}, which is not here",
                nearest(flow_name, flows),
            )
        datasets[dataset] = flow_name
    return flows, datasets


def _items(node: Node | None, what: str, problems: Problems) -> list[tuple[str, Item]]:
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, Mapping):
        problems.add(node.line, f"{what} must be a mapping, not {node.kind}")
        return []
    return list(node.value.items())


def _flow(name: str, item: Item, problems: Problems) -> Flow:
    what = f"flow {name!r}"
    errors = len(problems.errors)
    fields = read_fields(item.node, _FLOW, what, problems)
    misspelt = len(problems.errors) > errors
    default = False
    if "default" in fields:
        option = Option("default", Kind.YES_NO, False)
        default = bool(read_option(option, fields["default"], problems))
    splitting = _globals(fields.get("globals"), problems)
    entries = tuple(
        _entry(node, splitting, problems)
        for node in _nodes(fields.get("ingestion"), "ingestion", problems)
    )
    retrieval = _retrieval(fields.get("retrieval"), problems)
    if "ingestion" not in fields and "retrieval" not in fields and not misspelt:
        problems.add(item.line, f"{what} has neither ingestion nor retrieval")
    return Flow(name, default, splitting, entries, retrieval, item.line)


def _globals(node: Node | None, problems: Problems) -> dict[str, Any]:
    if node is None:
        return {}
    ingestion = read_fields(node, ("ingestion",), "globals", problems).get("ingestion")
    if ingestion is None:
        return {}
    given = read_fields(ingestion, ("textsplitter",), "globals.ingestion", problems)
    splitter = given.get("textsplitter")
    if splitter is None:
        return {}
    what = "globals.ingestion.textsplitter"
    options = read_options(SPLITTER_OPTIONS, splitter, what, splitter.line, problems)
    _check_splitting(options, splitter.line, problems)
    return options


def _entry(node: Node, splitting: Mapping[str, Any], problems: Problems) -> IngestionEntry:
    fields = read_fields(node, _ENTRY, "the ingestion entry", problems)
    loader, splitter, transformers = (fields.get(name) for name in _ENTRY[1:])
    cut = None if splitter is None else read_step(StepKind.SPLITTER, splitter, problems)
    if cut is not None:
        _check_splitting({**splitting, **cut.given}, cut.line, problems)
    return IngestionEntry(
        filetypes=_filetypes(fields.get("filetypes"), node.line, problems),
        loader=None if loader is None else read_step(StepKind.LOADER, loader, problems),
        splitter=cut,
        transformers=None
        if transformers is None
        else _steps(StepKind.TRANSFORMER, transformers, "transformers", problems),
        line=node.line,
    )


def _filetypes(node: Node | None, line: int, problems: Problems) -> tuple[str, ...]:
    if node is None or not node.value:
        problems.add(line, "the ingestion entry needs filetypes", 'Such as [".md", "text/plain"].')
        return ()
    option = Option("filetypes", Kind.TEXTS, ())
    filetypes: tuple[str, ...] = read_option(option, node, problems)
    for kind in filetypes:
        if kind == "*" or kind.startswith(".") or kind.endswith("/*"):
            continue
        if "/" not in kind:
            problems.add(
                node.line,
                f"{kind!r} is no type of files",
                f"Write '.{kind}' for an extension, or '*' for all files.",
            )
        elif kind.lower() not in MEDIA_TYPES:
            hint = nearest(kind, MEDIA_TYPES)
            shown = hint if hint.startswith("Did") else "An extension such as '.md' works too."
            problems.add(node.line, f"no file is found to be {kind!r}", shown)
    return filetypes


def _retrieval(node: Node | None, problems: Problems) -> RetrievalFlow | None:
    if node is None:
        return None
    fields = read_fields(node, _RETRIEVAL, "retrieval", problems)
    modifiers, retriever, postprocessors = (fields.get(name) for name in _RETRIEVAL)
    return RetrievalFlow(
        modifiers=_steps(StepKind.MODIFIER, modifiers, "queryModifiers", problems),
        retriever=None
        if retriever is None or retriever.value is None
        else read_step(StepKind.RETRIEVER, retriever, problems),
        postprocessors=_steps(StepKind.POSTPROCESSOR, postprocessors, "postprocessors", problems),
    )


def _steps(kind: StepKind, node: Node | None, what: str, problems: Problems) -> tuple[Step, ...]:
    found = (read_step(kind, one, problems) for one in _nodes(node, what, problems))
    return tuple(step for step in found if step is not None)


def _nodes(node: Node | None, what: str, problems: Problems) -> tuple[Node, ...]:
    if node is None or node.value is None:
        return ()
    if isinstance(node.value, tuple):
        return node.value
    problems.add(node.line, f"{what} must be a list, not {node.kind}")
    return ()


def _check_splitting(options: Mapping[str, Any], line: int, problems: Problems) -> None:
    size, overlap = options.get("chunkSize"), options.get("chunkOverlap")
    if size is not None and overlap is not None and overlap >= size:
        problems.add(line, f"chunkOverlap ({overlap}) must be less than chunkSize ({size})")
    encoding, model = options.get("encodingName"), options.get("modelName")
    if encoding and encoding not in ENCODINGS:
        problems.add(line, f"there is no encoding {encoding!r}", nearest(encoding, ENCODINGS))
    elif model and not encoding and not knows_tokenizer(model):
        hint = f"Give encodingName instead: {', '.join(ENCODINGS)}."
        problems.add(line, f"the tokens of the model {model!r} can't be counted", hint)
