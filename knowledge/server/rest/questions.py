"""Questions: retrieve, similar, ask, eval, and single chunks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.responses import Response, StreamingResponse

from knowledge.errors import KnowledgeError, UsageError
from knowledge.evaluation.evaluation import Evaluation
from knowledge.knowledge_base import KnowledgeBase
from knowledge.records import errors as error_records
from knowledge.records import questions as records
from knowledge.requests import AskRequest, Request, SearchRequest, SimilarRequest, option
from knowledge.server.arguments import json_object
from knowledge.server.events import KEEP_ALIVE, KEEP_ALIVE_SECONDS, event, stream
from knowledge.server.models import RERANKERS, is_reranker
from knowledge.server.problems import RefusedError, for_clients
from knowledge.server.rest.operation import Call, Operation, answered, generation_header

MOST_QUESTIONS = 10_000


@dataclass(frozen=True, slots=True)
class ExplainedSearch(SearchRequest):
    """A search whose hits may say how their scores came about, and what of them was asked for."""

    explain: bool = option("Explain each hit's score.", default=False)
    marks: bool = option("Say where each hit holds words of the question.", default=False)
    facets: str | Sequence[str] = option(
        "Count the values of this metadata among the hits.", default=()
    )

    def search(self) -> SearchRequest:
        """Return the search alone."""
        names = [name for name, _, _ in SearchRequest.options()]
        return SearchRequest(**{name: getattr(self, name) for name in names})


async def retrieve(call: Call) -> Response:
    """Answer with the passages that fit a question best."""
    started = time.perf_counter()
    asked = await call.request(ExplainedSearch)
    check_reranker(call, asked.rerank)
    request = asked.search()
    found, read = await call.run(lambda kb: (kb.retrieve(request), kb.generations))
    took = time.perf_counter() - started
    facets = (asked.facets,) if isinstance(asked.facets, str) else asked.facets
    record = records.retrieved(
        found, took, explained=asked.explain, marked=asked.marks, facets=facets
    )
    return answered(record, read)


async def similar(call: Call) -> Response:
    """Answer with the passages most like a file or a chunk."""
    started = time.perf_counter()
    request = await call.request(SimilarRequest)
    found, read = await call.run(lambda kb: (kb.similar(request), kb.generations))
    return answered(records.retrieved(found, time.perf_counter() - started), read)


@dataclass(frozen=True, slots=True)
class ChunkRequest(Request):
    """Where a chunk is looked for, and how much around it is shown."""

    dataset: str | None = option("Dataset; default: all.")
    before: int = option("Chunks before it.", default=0, minimum=0, maximum=1_000)
    after: int = option("Chunks after it.", default=0, minimum=0, maximum=1_000)


async def chunk(call: Call) -> Response:
    """Answer with one chunk."""
    asked = await call.request(ChunkRequest)
    asked.check()
    wanted = call.part("chunk")
    hit, read = await call.run(
        lambda kb: (
            kb.show_chunk(wanted, asked.dataset, before=asked.before, after=asked.after),
            kb.generations,
        )
    )
    return answered(records.chunk(hit), read)


async def ask(call: Call) -> Response:
    """Answer in words: as one object, or piece by piece where events are accepted."""
    started = time.perf_counter()
    given = await call.request(AskRequest)
    check_reranker(call, given.rerank)
    request = given.resolved(call.server.settings)
    if "text/event-stream" in call.http.headers.get("accept", ""):
        return await _stream_answer(call, request, started)
    found, read = await call.run(lambda kb: (kb.ask(request), kb.generations))
    return answered(records.answer(found, request, time.perf_counter() - started), read)


class _GoneError(Exception):
    """Nobody reads the answer any more."""


async def _stream_answer(call: Call, request: AskRequest, started: float) -> StreamingResponse:
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[str | None]()
    gone, read = asyncio.Event(), dict[str, int]()

    def listen(kb: KnowledgeBase, piece: str) -> None:
        if gone.is_set():
            raise _GoneError
        if not read:
            read.update(kb.generations)
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    def work(kb: KnowledgeBase) -> dict[str, Any]:
        try:
            found = kb.ask(request, listen=lambda piece: listen(kb, piece))
        finally:
            read.update(kb.generations)
        return records.answer(found, request, time.perf_counter() - started)

    task = asyncio.ensure_future(call.run(work))
    task.add_done_callback(lambda _: pieces.put_nowait(None))
    coming = _until_none(pieces)
    first = await anext(coming, "")  # which passages it is made of is known by then

    async def events() -> AsyncIterator[str]:
        try:
            yield _piece(first)
            async for piece in coming:
                yield _piece(piece)
            yield _last_event(task)
        finally:
            gone.set()

    return stream(events(), generation_header(read))


def _piece(text: str | None) -> str:
    """Return the event of a piece; none where there is no text, a sign of life for ``None``."""
    if text is None:
        return KEEP_ALIVE
    return event("piece", {"text": text}) if text else ""


async def _until_none(pieces: asyncio.Queue[str | None]) -> AsyncIterator[str | None]:
    """Yield pieces to the end; ``None`` is a sign of life where there is none for long."""
    while True:
        try:
            piece = await asyncio.wait_for(pieces.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            yield None
            continue
        if piece is None:
            return
        yield piece


def _last_event(task: asyncio.Future[dict[str, Any]]) -> str:
    try:
        return event("answer", task.result())
    except KnowledgeError as error:
        return event("error", error_records.error(for_clients(error)))


async def evaluate(call: Call) -> Response:
    """Answer with how well a dataset answers questions whose answers are known."""
    body = await json_object(call.http)
    unknown = set(body) - {"queries", "ways", "k", "seed"}
    if unknown:
        raise UsageError(f"there is no field {sorted(unknown)[0]!r}")
    queries, ways = body.get("queries"), body.get("ways", [{}])
    if not isinstance(queries, list) or not 0 < len(queries) <= MOST_QUESTIONS:
        raise UsageError(f"`queries` must be a list of 1 to {MOST_QUESTIONS:,} objects")
    if not isinstance(ways, list) or not all(isinstance(way, dict) for way in ways):
        raise UsageError("`ways` must be a list of objects")
    for way in ways:
        check_reranker(call, way.get("rerank"))
    k, seed = body.get("k", [1, 5, 10]), body.get("seed", 0)
    if not isinstance(k, list) or not all(type(one) is int for one in k) or type(seed) is not int:
        raise UsageError("`k` must be a list of whole numbers, and `seed` one")
    dataset = call.part("dataset")

    def work(kb: KnowledgeBase) -> tuple[Evaluation, dict[str, int]]:
        with TemporaryDirectory(dir=call.server.folder) as folder:
            file = Path(folder, "queries.jsonl")
            file.write_text("".join(json.dumps(one) + "\n" for one in queries), encoding="utf-8")
            try:
                measured = kb.evaluate(dataset, file, ways=ways or [{}], k=k, seed=seed)
            except KnowledgeError as error:  # where the file lies is nobody's business
                error.message = error.message.replace(str(file), "queries")
                raise
            return measured, kb.generations

    measured, read = await call.run(work)
    return answered(records.evaluation(measured, "queries"), read)


def check_reranker(call: Call, name: Any) -> None:
    """Refuse a reranker that a client may not name: an address, a folder, or what costs money.

    Raises
    ------
    RefusedError
        It is none that a client may name.
    """
    if name and not is_reranker(name, call.server.settings):
        raise RefusedError(
            403,
            "reranker",
            f"clients may not name the reranker {str(name)[:100]!r}",
            hint=f"Name {', '.join(RERANKERS)}, or what KNOW_RERANK on the server names.",
        )


OPERATIONS = (
    Operation("GET", "/retrieve", "Passages that answer a question, best first.", "retrieve",
              retrieve, ExplainedSearch),
    Operation("POST", "/retrieve", "Passages that answer a question, best first.", "retrieve",
              retrieve, ExplainedSearch),
    Operation("GET", "/similar", "Passages most similar to a file or a chunk.", "retrieve",
              similar, SimilarRequest),
    Operation("POST", "/similar", "Passages most similar to a file or a chunk.", "retrieve",
              similar, SimilarRequest),
    Operation("POST", "/ask", "An answer in words with numbered sources; as server-sent events "
              "(piece, answer, error) where these are accepted.", "ask", ask, AskRequest,
              without=("chat_model",)),
    Operation("GET", "/chunks/{chunk}", "One chunk, perhaps with its neighbours.", "chunk",
              chunk, ChunkRequest),
    Operation("POST", "/datasets/{dataset}/eval", "How well a dataset answers questions whose "
              "answers are known.", "eval", evaluate, takes_body=True),
)  # fmt: skip
