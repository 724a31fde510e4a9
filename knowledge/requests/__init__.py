"""What a user asks for: one frozen dataclass for each verb, whatever the face.

    face (command line, Python, …)  ->  request  ->  KnowledgeBase  ->  result

A field is declared once: its type, its default, and with :func:`option` its help, its flag, its
bounds and the setting that decides where it is ``None``. The flags of a command, the arguments of
:class:`~knowledge.KnowledgeBase`'s methods and the checks all follow from that declaration.
"""

from knowledge.requests.asking import (
    MAX_QUESTION,
    MAX_TOP_K,
    MODES,
    PASSAGE_TOKENS,
    AskRequest,
    ChunksRequest,
    SearchRequest,
    SimilarRequest,
    check_question,
)
from knowledge.requests.ingesting import (
    READING,
    IngestRequest,
    InlineText,
    SourceRequest,
    StrPath,
    WatchRequest,
)
from knowledge.requests.option import Option, Request, check_known, like, option

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
    "option",
]
