"""Vector stores: a dataset is one, its files are its files, metadata is their attributes.

https://platform.openai.com/docs/api-reference/vector-stores. A store's id is the dataset's name.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowledge.errors import FileNotInDatasetError, UsageError
from knowledge.requests import SearchRequest
from knowledge.server.openai.attaching import (
    FILE_ID,
    Attached,
    attach,
    attached,
    check_splitting,
    rows_of,
)
from knowledge.server.openai.exchange import body_of, needed, page_of, replied, route, whole
from knowledge.server.openai.filters import condition

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.model import Dataset, Hit, SourceFile
    from knowledge.server.server import Server

T = TypeVar("T")
MOST_RESULTS = 50
MOST_QUERIES = 10
MOST_LISTED = 100


def routes(server: Server) -> list[Route]:
    """Return the routes, with and without the version."""
    found = []
    for base in ("/v1/vector_stores", "/vector_stores"):
        one, files = f"{base}/{{store}}", f"{base}/{{store}}/files"
        found += [
            route(server, base, "GET", _list),
            route(server, base, "POST", _create, writes=True),
            route(server, one, "GET", _get),
            route(server, one, "POST", _modify, writes=True),
            route(server, one, "DELETE", _delete, writes=True),
            route(server, f"{one}/search", "POST", _search),
            route(server, files, "GET", _list_files),
            route(server, files, "POST", _attach, writes=True),
            route(server, f"{files}/{{file}}", "GET", _get_file),
            route(server, f"{files}/{{file}}", "POST", _modify_file, writes=True),
            route(server, f"{files}/{{file}}", "DELETE", _delete_file, writes=True),
            route(server, f"{files}/{{file}}/content", "GET", _content),
        ]
    return found


async def _list(server: Server, http: Request) -> Response:
    listed = await server.bases.run(lambda kb: kb.datasets.list())
    read = {one.name: one.generation for one in listed}
    return replied(page_of(http, [_store(server, one) for one in listed], MOST_LISTED), read)


_STORE = {"name": str, "metadata": dict, "description": str, "expires_after": dict}


async def _create(server: Server, http: Request) -> Response:
    values = await body_of(http, {**_STORE, "chunking_strategy": dict, "file_ids": list})
    check_splitting(values)
    files = [Attached(str(one)) for one in values.get("file_ids", [])]
    for one in files:
        server.sent_files.get(one.id)  # before anything is made
    name = values.get("name") or f"vs_{secrets.token_hex(12)}"
    metadata = _metadata(values, {})
    made = await server.bases.run(lambda kb: kb.datasets.create(name, metadata))
    if files:
        attach(server, made.name, files)
    return replied(_store(server, made), {made.name: made.generation})


def _metadata(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the metadata that a request gives to a store, its description with it.

    Raises
    ------
    UsageError
        The store is to expire.
    """
    if "expires_after" in values:
        raise UsageError("`expires_after`: a store stays until it is deleted; leave it out")
    if "metadata" not in values and "description" not in values:
        return None
    described = {key: values[key] for key in ("description",) if key in values}
    return {**values.get("metadata", known), **described}


async def _get(server: Server, http: Request) -> Response:
    name = _part(http, "store")
    found, read = await server.bases.run(lambda kb: (kb.datasets.get(name), kb.generations))
    return replied(_store(server, found), read)


async def _modify(server: Server, http: Request) -> Response:
    values = await body_of(http, _STORE)
    name = _part(http, "store")

    def modify(kb: KnowledgeBase) -> Dataset:
        found = kb.datasets.get(name)
        metadata = _metadata(values, found.metadata)
        if metadata is not None:
            found = kb.datasets.edit(name, metadata)
        if values.get("name", name) != name:
            found = kb.datasets.rename(name, values["name"])
        return found

    changed = await server.bases.run(modify)
    return replied(_store(server, changed), {changed.name: changed.generation})


async def _delete(server: Server, http: Request) -> Response:
    name = _part(http, "store")

    def delete(kb: KnowledgeBase) -> Dataset:
        found = kb.datasets.get(name)
        kb.datasets.delete(name)
        return found

    gone = await server.bases.run(delete)
    content = {"id": name, "object": "vector_store.deleted", "deleted": True}
    return replied(content, {name: gone.generation})


_SEARCH = {
    "query": (str, list),
    "filters": dict,
    "max_num_results": int,
    "ranking_options": dict,
    "rewrite_query": bool,
}


async def _search(server: Server, http: Request) -> Response:
    values = await body_of(http, _SEARCH)
    given = needed(values, "query")
    queries = [given] if isinstance(given, str) else given
    if not queries or not all(isinstance(one, str) for one in queries):
        raise UsageError("`query` must be a text, or a list of texts")
    if len(queries) > MOST_QUERIES:
        raise UsageError(f"`query` has more than {MOST_QUERIES} texts")
    if values.get("rewrite_query"):
        raise UsageError("`rewrite_query` is not supported; a flow rewrites questions")
    most = whole(values, "max_num_results", 10, MOST_RESULTS)
    ranker, least = _ranking(values.get("ranking_options", {}))
    where = condition(values["filters"]) if values.get("filters") else None
    name = _part(http, "store")

    def search(kb: KnowledgeBase) -> tuple[list[Hit], Mapping[str, int]]:
        best: dict[str, Hit] = {}
        for query in queries:
            request = SearchRequest(
                query, name, top_k=most, where=where, rerank=ranker, min_relevance=least
            )
            for hit in kb.retrieve(request):
                known = best.get(hit.chunk.id)
                if known is None or _place(hit) < _place(known):
                    best[hit.chunk.id] = hit
        hits = sorted(best.values(), key=_place)[:most]
        return hits, kb.generations

    hits, read = await server.bases.run(search)
    return replied(
        {
            "object": "vector_store.search_results.page",
            "search_query": queries,
            "data": [_result(hit) for hit in hits],
            "has_more": False,
            "next_page": None,
        },
        read,
    )


def _ranking(options: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """Return the reranker and the least relevance asked for; ``None`` is the settings' own."""
    unknown = set(options) - {"ranker", "score_threshold"}
    ranker, least = options.get("ranker", "auto"), options.get("score_threshold")
    if unknown or ranker not in ("auto", "none", "default-2024-11-15", "default-2024-08-21"):
        named = ", ".join(sorted(unknown)) or repr(ranker)
        raise UsageError(f"`ranking_options` has {named}", hint="ranker may be auto or none.")
    if least is not None and (
        isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1
    ):
        raise UsageError("`score_threshold` must be a number from 0 to 1")
    return ("" if ranker == "none" else None), least


async def _list_files(server: Server, http: Request) -> Response:
    name = _part(http, "store")
    listed, read = await server.bases.run(lambda kb: (kb.files.list(name), kb.generations))
    wanted = http.query_params.get("filter", "completed")
    rows = [_file(one, name) for one in listed] if wanted == "completed" else []
    known = {row["id"] for row in rows}
    unread = [row for row in attached(server, name) if row["id"] not in known]
    rows += [row for row in unread if "filter" not in http.query_params or row["status"] == wanted]
    return replied(page_of(http, rows, MOST_LISTED, also=("filter",)), read)


_ATTACHED = {"file_id": str, "attributes": dict, "chunking_strategy": dict}


async def _attach(server: Server, http: Request) -> Response:
    values = await body_of(http, _ATTACHED)
    check_splitting(values)
    name, id_ = _part(http, "store"), str(needed(values, "file_id"))
    found = await server.bases.run(lambda kb: kb.datasets.get(name))
    [row] = rows_of(attach(server, name, [Attached(id_, values.get("attributes", {}))]))
    return replied(row, {name: found.generation})


async def _get_file(server: Server, http: Request) -> Response:
    name, wanted = _part(http, "store"), _part(http, "file")
    row = next((one for one in attached(server, name) if one["id"] == wanted), None)
    if row is not None and row["status"] == "in_progress":
        return replied(row)  # clients ask for it again and again; the dataset need not be read
    try:
        return await _of_file(server, http, lambda _, file, name: _file(file, name))
    except FileNotInDatasetError:
        if row is None:
            raise
        return replied(row)


async def _modify_file(server: Server, http: Request) -> Response:
    values = await body_of(http, {"attributes": dict})
    attributes = needed(values, "attributes")

    def modify(kb: KnowledgeBase, file: SourceFile, name: str) -> dict[str, Any]:
        kept = {FILE_ID: file.given[FILE_ID]} if FILE_ID in file.given else {}
        return _file(kb.files.edit(file.id, {**attributes, **kept}, name), name)

    return await _of_file(server, http, modify)


async def _delete_file(server: Server, http: Request) -> Response:
    def delete(kb: KnowledgeBase, file: SourceFile, name: str) -> dict[str, Any]:
        kb.files.delete(file.id, name)
        return {
            "id": _id(file.id, file.given),
            "object": "vector_store.file.deleted",
            "deleted": True,
        }

    return await _of_file(server, http, delete)


async def _content(server: Server, http: Request) -> Response:
    def content(kb: KnowledgeBase, file: SourceFile, name: str) -> dict[str, Any]:
        _, chunks = kb.files.get(file.id, name)
        data = [{"type": "text", "text": chunk.passage.text} for chunk in chunks]
        return {
            "object": "vector_store.file_content.page",
            "data": data,
            "has_more": False,
            "next_page": None,
        }

    return await _of_file(server, http, content)


async def _of_file(
    server: Server,
    http: Request,
    work: Callable[[KnowledgeBase, SourceFile, str], dict[str, Any]],
) -> Response:
    name, wanted = _part(http, "store"), _part(http, "file")

    def run(kb: KnowledgeBase) -> tuple[dict[str, Any], dict[str, int]]:
        found = next(
            (one for one in kb.files.list(name) if wanted in (one.id, one.given.get(FILE_ID))), None
        )
        if found is None:
            raise FileNotInDatasetError(f"dataset {name!r} holds no file {wanted!r}")
        return work(kb, found, name), kb.generations

    content, read = await server.bases.run(run)
    return replied(content, read)


def _part(http: Request, name: str) -> str:
    return unquote(http.path_params[name])


def _id(own: str, metadata: Mapping[str, Any]) -> str:
    """Return what a client calls a file: as it was sent, else by the dataset's own id."""
    return str(metadata.get(FILE_ID, own))


def counted(statuses: Iterable[str]) -> dict[str, int]:
    """Return how many files have each status, and how many there are."""
    counts = Counter(statuses)
    names = ("in_progress", "completed", "failed", "cancelled")
    return {**{name: counts[name] for name in names}, "total": counts.total()}


def _store(server: Server, dataset: Dataset) -> dict[str, Any]:
    statuses = [row["status"] for row in attached(server, dataset.name)]
    return {
        "id": dataset.name,
        "object": "vector_store",
        "created_at": int(dataset.created_at.timestamp()),
        "last_active_at": int(dataset.updated_at.timestamp()),
        "name": dataset.name,
        "file_counts": counted([*statuses, *["completed"] * dataset.files]),
        "status": "in_progress" if "in_progress" in statuses else "completed",
        "expires_after": None,
        "expires_at": None,
        "usage_bytes": 0,
        "description": dataset.metadata.get("description"),
        "metadata": dict(dataset.metadata),
    }


def _file(file: SourceFile, store: str) -> dict[str, Any]:
    attributes = {key: value for key, value in file.all_metadata.items() if key != FILE_ID}
    return {
        "id": _id(file.id, file.given),
        "object": "vector_store.file",
        "created_at": int(file.ingested_at.timestamp()),
        "vector_store_id": store,
        "usage_bytes": file.size,
        "status": "completed",
        "last_error": None,
        "attributes": {**attributes, "filename": file.path},
        "chunking_strategy": {"type": "other"},
    }


def _place(hit: Hit) -> tuple[int, float]:
    """Return what orders the results of several questions, whose scores cannot be compared."""
    return hit.rank, -(hit.relevance or 0.0)


def _result(hit: Hit) -> dict[str, Any]:
    attributes = {key: value for key, value in hit.metadata.items() if key != FILE_ID}
    return {
        "file_id": _id(hit.chunk.file_id, hit.metadata),
        "filename": hit.file,
        "score": hit.relevance,  # what a `score_threshold` can mean; the place is by our own score
        "attributes": {**attributes, "citation": hit.citation, "chunk_id": hit.chunk.id},
        "content": [{"type": "text", "text": hit.text}],
    }
