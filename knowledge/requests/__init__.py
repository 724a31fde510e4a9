"""What a user asks for: one frozen dataclass for each verb, whatever the face.

    face (command line, Python, …)  ->  request  ->  KnowledgeBase  ->  result

A field is declared once: its type, its default, and with :func:`option` its help, its flag, its
bounds and the setting that decides where it is ``None``. The flags of a command, the arguments of
:class:`~knowledge.KnowledgeBase`'s methods and the checks all follow from that declaration.

Each name is loaded when it is first used: a command needs one of these requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.lazy_names import lazy_names

if TYPE_CHECKING:
    from knowledge.requests.asking import AskRequest, ChunksRequest, SimilarRequest
    from knowledge.requests.ingesting import (
        READING,
        IngestRequest,
        InlineText,
        SourceRequest,
        StrPath,
    )
    from knowledge.requests.request import Option, Request, check_known, like, one_dataset, option
    from knowledge.requests.searching import (
        MAX_QUESTION,
        MAX_TOP_K,
        MODES,
        SearchRequest,
        check_question,
    )
    from knowledge.requests.watching import WatchRequest

_HOMES = {
    "MAX_QUESTION": "searching",
    "MAX_TOP_K": "searching",
    "MODES": "searching",
    "PASSAGE_TOKENS": "searching",
    "READING": "ingesting",
    "AskRequest": "asking",
    "ChunksRequest": "asking",
    "IngestRequest": "ingesting",
    "InlineText": "ingesting",
    "Option": "request",
    "Request": "request",
    "SearchRequest": "searching",
    "SimilarRequest": "asking",
    "SourceRequest": "ingesting",
    "StrPath": "ingesting",
    "WatchRequest": "watching",
    "check_known": "request",
    "check_question": "searching",
    "like": "request",
    "one_dataset": "request",
    "option": "request",
}

__all__ = [
    "MAX_QUESTION",
    "MAX_TOP_K",
    "MODES",
    "PASSAGE_TOKENS",
    "READING",
    "AskRequest",
    "ChunksRequest",
    "IngestRequest",
    "InlineText",
    "Option",
    "Request",
    "SearchRequest",
    "SimilarRequest",
    "SourceRequest",
    "StrPath",
    "WatchRequest",
    "check_known",
    "check_question",
    "like",
    "one_dataset",
    "option",
]


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
