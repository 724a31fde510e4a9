"""Names of arguments that models invent, understood as the ones that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

QUERY = ("question", "q", "text", "search", "search_query", "userquery", "user_query", "prompt")
LIMIT = ("k", "top_k", "topk", "n", "count", "max_results", "num_results", "maxresults")
DATASET = ("datasets", "dataset_name", "datasetname", "collection", "index", "store")
FILE = ("path", "filename", "file_name", "file_path", "filepath")
FILTER = ("where", "filters", "condition")
ID = ("chunk_id", "chunkid", "document_id", "doc_id", "uri", "url", "chunk", "document")

_MEANT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "search": {
        "query": QUERY,
        "limit": LIMIT,
        "dataset": DATASET,
        "filter": FILTER,
        "files": ("file", "glob", "pattern", *FILE),
    },
    "ask": {"question": ("query", *QUERY), "limit": LIMIT, "dataset": DATASET},
    "fetch": {"id": (*ID, "file", *FILE), "dataset": DATASET},
    "similar": {"id": (*ID, "file", *FILE), "limit": LIMIT, "dataset": DATASET},
    "list_files": {
        "dataset": DATASET,
        "pattern": ("file", "glob", *FILE),
        "filter": FILTER,
        "limit": LIMIT,
    },
    "status": {"dataset": DATASET},
    "ingest": {"paths": ("path", "files", "folder", "url", "source"), "dataset": DATASET},
    "delete_file": {"file": (*FILE, "id", "file_id"), "dataset": DATASET},
}


async def understand_names(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Give a call's arguments the names that its tool has, where they are others for the same."""
    params = ctx.params
    if ctx.method == "tools/call" and isinstance(params, Mapping):
        given = params.get("arguments")
        meant = _MEANT.get(str(params.get("name")))
        if meant is not None and isinstance(given, Mapping):
            ctx = replace(ctx, params={**params, "arguments": renamed(given, meant)})
    return await call_next(ctx)


def renamed(given: Mapping[str, Any], meant: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return arguments under the names of a tool; what it knows by name stays as it is.

    >>> renamed({"userQuery": "why?", "k": 3}, {"query": QUERY, "limit": LIMIT})
    {'query': 'why?', 'limit': 3}
    """
    found = {name: value for name, value in given.items() if name in meant}
    for name, value in given.items():
        known = next((one for one, others in meant.items() if name.lower() in (one, *others)), name)
        found.setdefault(known, value)
    return found
