"""What the catalogue says of a step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from knowledge.flows.options import Option


class StepKind(StrEnum):
    """Where a step stands in a flow."""

    LOADER = "document loader"
    SPLITTER = "text splitter"
    TRANSFORMER = "transformer"
    MODIFIER = "query modifier"
    RETRIEVER = "retriever"
    POSTPROCESSOR = "postprocessor"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step that there is.

    Parameters
    ----------
    help:
        One sentence.
    needs_model:
        True when it asks a chat model.
    """

    name: str
    help: str
    options: tuple[Option, ...] = ()
    needs_model: bool = False
