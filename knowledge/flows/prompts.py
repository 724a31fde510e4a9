"""The prompts of a flow's steps, and the JSON schemas of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _object(**fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}

NO_TEXT = "no text"
READ_PAGE = (
    "Write down all text on this page, in reading order, as Markdown: headings, lists, and tables "
    "as Markdown tables. Describe a chart or a picture in one sentence. Add nothing of your own. "
    f"For a page without anything to read, answer [{NO_TEXT}]."
)

SPELLCHECK = (
    "The following query is for a search by meaning. Correct mistakes in its spelling that may "
    "lead the search astray, and change nothing else. Keep names, identifiers and codes as they "
    "are. If it is correct, return it as it is.\n\nQuery: {query}"
)
ENHANCE = (
    "The following query is for a search by meaning. Word it so that the search finds more: say "
    "what is meant, spell out abbreviations, leave out fillers. Keep its language, its names and "
    "its identifiers, and ask for nothing that it does not ask for.\n\nQuery: {query}"
)
RESULT_SCHEMA: Mapping[str, Any] = _object(result=_TEXT)

GENERIC_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"results": _TEXTS, "result": {"anyOf": [_TEXT, _TEXTS]}},
    "minProperties": 1,
    "additionalProperties": False,
}
GENERIC_SYSTEM = (
    "Follow the user's instructions about a search query. Put the queries to search for in "
    '"results": one, or several.'
)

SUBQUERY = (
    "The following query is for a search by meaning in documents. If it asks for several things, "
    "take it apart into at most {limit} queries, each of which can be answered by one passage and "
    "understood alone. If it asks for one thing, return it as it is.\n\nQuery: {query}"
)
SUBQUERY_SCHEMA: Mapping[str, Any] = _object(subqueries=_TEXTS)

ROUTING = (
    "Choose the dataset that most likely answers the query. Answer with its id, written exactly "
    "as in the list.\n\nDatasets:\n{datasets}\n\nQuery: {query}"
)

KEYWORDS = (
    "Find the keywords of the following text, at most {most}: what a reader who needs it would "
    "search for. Keep its language.\n\nText:\n{text}"
)
KEYWORDS_SCHEMA: Mapping[str, Any] = _object(keywords=_TEXTS)

CONTENT_FILTER = (
    "Answer a question about a text with true for yes, or false for no.\n\n"
    "Question: {question}\n\nText:\n{text}"
)
CONTENT_FILTER_SCHEMA: Mapping[str, Any] = _object(answer={"type": "boolean"})


def routing_schema(names: list[str]) -> dict[str, Any]:
    """Return the schema of the choice of one of some datasets."""
    return _object(dataset={"type": "string", "enum": names})
