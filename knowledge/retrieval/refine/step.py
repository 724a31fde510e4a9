"""What a retrieval step is: something done with hits after they are found.

A step is one module of `knowledge.retrieval.refine.steps` that holds a `STEP`, and a field of the
same name in `knowledge.requests.SearchRequest` with ``refines=True``, from which its flag, its
Python argument and the check of its value come. Flows have it as a postprocessor by the same
name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from knowledge.model import Chunk, Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rerank = Callable[[str, Sequence[Hit]], list[Hit]]
"""(question, hits) -> the hits with other scores, best first."""


class StoredChunks(Protocol):
    """What is stored of the datasets, in the state in which the hits were found."""

    def vectors(self, hits: Sequence[Hit]) -> list[NDArray[np.float32]]:
        """Return each hit's stored vector, of unit length."""
        ...

    def chunks_of_file(self, hit: Hit) -> Sequence[Chunk]:
        """Return all chunks of the hit's file, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may use besides the hits and its own value.

    Parameters
    ----------
    question:
        What was asked.
    most:
        How many hits the step has to give; more than these are not looked at.
    values:
        The values of all steps that run, by field.
    rerank:
        The reranker that the field ``rerank`` names.
    """

    question: str
    most: int
    stored: StoredChunks
    values: dict[str, Any] = field(default_factory=dict)
    rerank: Rerank | None = None


class Parameter(NamedTuple):
    """A step's value, where it is more than on or off.

    Parameters
    ----------
    name:
        The option of a flow that gives it.
    type:
        ``int``, ``float`` or ``str``.
    help:
        One sentence.
    minimum, maximum:
        Limits of a number, both allowed.
    """

    name: str
    type: type
    help: str
    minimum: float | None = None
    maximum: float | None = None


class Step(NamedTuple):
    """One step.

    Parameters
    ----------
    field:
        The field of the request whose value it takes, and its name in flows.
    help:
        One sentence.
    order:
        Steps run by ascending order, those that choose and rank before those that show.
    apply:
        ``(hits, value, context) -> hits``, best first.
    parameter:
        ``None`` for a step that is on or off.
    off:
        The value with which it does not run.
    shows:
        True when it works on the first ``top_k`` hits alone, on what is shown of them; false when
        it chooses or ranks, so that hits beyond these may come up.
    """

    field: str
    help: str
    order: int
    apply: Callable[[Sequence[Hit], Any, Context], list[Hit]]
    parameter: Parameter | None = None
    off: Any = None
    shows: bool = False
