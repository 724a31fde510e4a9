"""Questions: retrieve, similar, ask, and single chunks."""

from __future__ import annotations

import time

from starlette.responses import Response

from knowledge.records import questions as records
from knowledge.requests import SearchRequest
from knowledge.server.rest.operation import Call, Operation, answered


async def retrieve(call: Call) -> Response:
    """Answer with the passages that fit a question best."""
    started = time.perf_counter()
    request = await call.request(SearchRequest)
    found, read = await call.run(lambda kb: (kb.retrieve(request), kb.generations))
    return answered(records.retrieved(found, time.perf_counter() - started), read)


OPERATIONS = (
    Operation(
        "GET",
        "/retrieve",
        "Passages that answer a question, best first.",
        "retrieve",
        retrieve,
        SearchRequest,
    ),
    Operation(
        "POST",
        "/retrieve",
        "Passages that answer a question, best first.",
        "retrieve",
        retrieve,
        SearchRequest,
    ),
)
