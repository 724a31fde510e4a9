"""Unknown names of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from knowledge.requests import check_known

P = ParamSpec("P")
R = TypeVar("R")


def checked(method: Callable[P, R]) -> Callable[P, R]:
    """Let an unknown keyword be a :class:`UsageError` that has the nearest name."""
    known: list[str] = []

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not known:
            known.extend(list(inspect.signature(method).parameters)[1:])
        check_known(list(kwargs), known, "option")
        return method(*args, **kwargs)

    return call
