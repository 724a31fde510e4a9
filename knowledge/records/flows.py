"""Flows, and what is wrong with a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.flows.model import Flow, FlowsFile
    from knowledge.flows.reading import Inspected
    from knowledge.flows.source import Problem


def flows(listed: Sequence[tuple[FlowsFile, Flow]]) -> dict[str, Any]:
    """Return flows as ``knowledge.flows/1``."""
    return of("flows", {"flows": [_flow(file, flow) for file, flow in listed]})


def flow(file: FlowsFile, one: Flow) -> dict[str, Any]:
    """Return a flow with what it says as ``knowledge.flow/1``."""
    return of("flow", {**_flow(file, one), "content": one.shown()})


def validation(inspected: Inspected) -> dict[str, Any]:
    """Return what is wrong with a flows file as ``knowledge.validation/1``."""
    return of(
        "validation",
        {
            "file": inspected.file.source,
            "valid": not inspected.errors,
            "flows": list(inspected.file.flows),
            "errors": list(map(_problem, inspected.errors)),
            "notices": list(map(_problem, inspected.file.notices)),
        },
    )


def datasets_of(file: FlowsFile, flow: Flow) -> list[str]:
    """Return the datasets that a flow is named for."""
    return [dataset for dataset, name in file.datasets.items() if name == flow.name]


def _flow(file: FlowsFile, flow: Flow) -> dict[str, Any]:
    return {
        "name": flow.name,
        "file": file.source,
        "default": flow.default,
        "ingests": flow.ingests,
        "retrieves": flow.retrieval is not None,
        "model_steps": flow.model_steps,
        "datasets": datasets_of(file, flow),
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "message": problem.message, "hint": problem.hint or None}
