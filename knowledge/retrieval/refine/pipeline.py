"""The retrieval steps in their order, and running those that a request asks for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from knowledge.model import Hit
from knowledge.retrieval.refine import steps as package
from knowledge.retrieval.refine.step import Context, Rerank, Step, StoredChunks


@cache
def steps() -> tuple[Step, ...]:
    """Return the steps of all modules of `knowledge.retrieval.refine.steps`, in their order."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    found = [importlib.import_module(f"{package.__name__}.{name}").STEP for name in names]
    return tuple(sorted(found, key=lambda step: (step.shows, step.order)))


def chosen(request: object) -> dict[Step, Any]:
    """Return the steps that a request asks for, in their order, each with its value.

    Parameters
    ----------
    request:
        Anything with fields that are called as the steps'; a step without a field is off.
    """
    values = {step: getattr(request, step.field, step.off) for step in steps()}
    return {
        step: value for step, value in values.items() if value is not None and value != step.off
    }


def reorders(request: object) -> bool:
    """Tell whether hits beyond the first ``top_k`` may come up, so that all candidates count."""
    return any(not step.shows for step in chosen(request))


def refine(
    question: str,
    hits: Sequence[Hit],
    request: object,
    top_k: int,
    stored: StoredChunks,
    rerank: Rerank | None = None,
) -> list[Hit]:
    """Return the hits to show, ranked from 1.

    Parameters
    ----------
    hits:
        All candidates, best first.
    request:
        Says which steps run, as `chosen` takes it.
    rerank:
        The reranker that the request names.
    """
    found = choose(question, hits, request, top_k, stored, rerank)
    return show(question, found, request, top_k, stored)


def choose(
    question: str,
    hits: Sequence[Hit],
    request: object,
    top_k: int,
    stored: StoredChunks,
    rerank: Rerank | None = None,
) -> list[Hit]:
    """Return the first ``top_k`` hits by the steps that choose and order; as for `refine`."""
    asked = {step: value for step, value in chosen(request).items() if not step.shows}
    values = {step.field: value for step, value in chosen(request).items()}
    context = Context(question, top_k, stored, values, rerank)
    found = list(hits)
    last = next(reversed(asked), None)
    for step, value in asked.items():
        # What a later step leaves out, hits further down take the place of.
        most = top_k if step is last else len(found)
        found = step.apply(found, value, replace(context, most=most))
    return _ranked(found[:top_k])


def show(
    question: str, hits: Sequence[Hit], request: object, top_k: int, stored: StoredChunks
) -> list[Hit]:
    """Return chosen hits as the other steps show them; as for `refine`."""
    asked = chosen(request)
    values = {step.field: value for step, value in asked.items()}
    context = Context(question, top_k, stored, values)
    found = list(hits)
    for step, value in asked.items():
        if step.shows:
            found = _ranked(step.apply(found, value, context))
    return found


def _ranked(hits: Sequence[Hit]) -> list[Hit]:
    return [replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]
