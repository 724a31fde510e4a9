"""All steps that a flow may have, with their options: what is not here is an error."""

from __future__ import annotations

from collections.abc import Mapping

from knowledge.flows.ingestion_specs import LOADERS, SPLITTER_OPTIONS, SPLITTERS, TRANSFORMERS
from knowledge.flows.retrieval_specs import MODIFIERS, POSTPROCESSORS, RETRIEVERS
from knowledge.flows.step_spec import StepKind, StepSpec

__all__ = ["SPLITTER_OPTIONS", "STEPS", "StepKind", "StepSpec"]

STEPS: Mapping[StepKind, Mapping[str, StepSpec]] = {
    kind: {spec.name: spec for spec in specs}
    for kind, specs in (
        (StepKind.LOADER, LOADERS),
        (StepKind.SPLITTER, SPLITTERS),
        (StepKind.TRANSFORMER, TRANSFORMERS),
        (StepKind.MODIFIER, MODIFIERS),
        (StepKind.RETRIEVER, RETRIEVERS),
        (StepKind.POSTPROCESSOR, POSTPROCESSORS),
    )
}
"""By kind and name."""
