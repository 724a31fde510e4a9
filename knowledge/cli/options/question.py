"""The question of a command."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TypeVar

from knowledge.errors import UsageError
from knowledge.requests import MAX_QUESTION, SearchRequest, check_question

R = TypeVar("R", bound=SearchRequest)


def with_question(request: R) -> R:
    """Return a request with its question read, from stdin where ``-`` is given.

    Raises
    ------
    UsageError
        It is empty, or too long; no more of stdin is read than tells so.
    """
    given = request.query
    if not given and not request.queries:
        raise UsageError("the query is empty", hint="--help shows how a question is asked.")
    text = sys.stdin.read(2 * MAX_QUESTION).strip() if given == "-" else given
    if given or not request.queries:
        check_question(text)
    return replace(request, query=text)
