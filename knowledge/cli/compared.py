"""What ``--compare`` and ``--mode`` of ``eval`` ask for: ways to retrieve."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from knowledge.errors import UsageError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.retrieval.query import MODES
from knowledge.retrieval.refine.refinement import Refinement

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def ways(compare: Sequence[str], modes: str | None) -> list[dict[str, Any]]:
    """Return the options of each way: every ``--compare`` in every mode that it leaves open.

    Raises
    ------
    UsageError
        An option does not exist, or its value does not fit.
    """
    if modes is None and not compare:
        modes = "dense,keyword,hybrid"
    named = [name.strip() for name in (modes or "").split(",") if name.strip()]
    for name in named:
        if name not in MODES:
            raise UsageError(f"--mode takes some of {', '.join(MODES)}, not {name!r}")
    found: list[dict[str, Any]] = []
    for way in [_way(text) for text in compare] or [{}]:
        open_modes = [] if "mode" in way else named
        found += [{"mode": mode, **way} for mode in open_modes] or [way]
    return [way for number, way in enumerate(found) if way not in found[:number]]


def _way(text: str) -> dict[str, Any]:
    way: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not value.strip():
            raise UsageError(
                f"--compare takes name=value, with commas between several, not {text!r}",
                hint="Example:  --compare mode=dense --compare mode=hybrid,weight=0.5",
            )
        way[name] = _value(name, value.strip())
    return way


def _value(name: str, text: str) -> Any:
    kinds = option_kinds()
    if name not in kinds:
        close = difflib.get_close_matches(name, kinds, n=1) or sorted(kinds)
        raise UsageError(
            f"--compare: there is no option {name!r}", hint=f"Choose {', '.join(close)}."
        )
    try:
        return kinds[name](text)
    except (ValueError, KeyError) as error:
        raise UsageError(f"--compare: {name} can't be {text!r}") from error


def option_kinds() -> Mapping[str, Callable[[str], Any]]:
    """Return the options that may be compared, each with what makes a value of a text."""
    query = inspect.signature(KnowledgeBase.query).parameters.values()
    types = {p.name: str(p.annotation) for p in query if p.kind is p.KEYWORD_ONLY}
    types.update({field.name: str(field.type) for field in fields(Refinement)})
    return {"dataset": str, **{name: _kind(type_) for name, type_ in types.items()}}


def _kind(annotation: str) -> Callable[[str], Any]:
    """Return the reader of a parameter's annotation, which is a text as it stands in the source."""
    if "Sequence[str]" in annotation:
        return lambda text: [text]
    first = annotation.partition(" ")[0]
    readers: Mapping[str, Callable[[str], Any]] = {"float": float, "int": int, "bool": _bool}
    return readers.get(first, str)


def _bool(text: str) -> bool:
    return _TRUTH[text.lower()]
