"""The server's parts, which its faces share, and the application made of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from knowledge.errors import KnowledgeError
from knowledge.files.private import temporary_folder
from knowledge.knowledge_base import KnowledgeBase
from knowledge.server.access import AccessCheck, Rules
from knowledge.server.bases import IDLE_SECONDS, Bases
from knowledge.server.face import Face
from knowledge.server.jobs import Jobs
from knowledge.server.limits import Limits
from knowledge.server.metrics import MEDIA_TYPE, Metrics
from knowledge.server.models import OpenModels
from knowledge.server.options import ServeRequest
from knowledge.server.problems import OPENAI_PATHS, RefusedError, reply_to
from knowledge.server.recording import ROUTE, Log, Recorder
from knowledge.server.sent_files import SentFiles
from knowledge.settings.reading import Settings

MIB = 2**20
OPENAI_HINT = "Of OpenAI's API, embeddings, models, files and vector_stores are here, and rerank."


@dataclass(slots=True)
class Server:
    """What the faces share.

    Parameters
    ----------
    settings:
        Those that the server was started with; each request fills in from them.
    options:
        Resolved.
    rules:
        Who may ask.
    log:
        Takes lines for stderr, from any thread.
    """

    settings: Settings
    options: ServeRequest
    rules: Rules
    log: Log
    metrics: Metrics = field(default_factory=Metrics)
    bases: Bases = field(init=False)
    models: OpenModels = field(init=False)
    jobs: Jobs = field(init=False)
    sent_files: SentFiles = field(init=False)
    folder: Path = field(init=False)
    """A private folder, for uploads, as long as the server runs."""
    stopping: bool = False

    def __post_init__(self) -> None:
        assert self.options.threads is not None
        assert self.options.max_upload is not None
        self.bases = Bases(
            self.settings, self.options.threads, self.log, kept=int(bool(self.options.warm))
        )
        self.sent_files = SentFiles(self.options.max_upload * MIB)
        self.jobs = Jobs(self.settings, self.log)
        self.models = OpenModels(self.bases, self.options.models or (), self.metrics)

    def app(self) -> ASGIApp:
        """Return the ASGI application: all faces behind the checks that hold for each of them."""
        faces = faces_of(self)
        router = Router(
            [*_own_routes(self), *(route for face in faces for route in face.routes)],
            redirect_slashes=False,
            default=_not_found,
        )
        options = self.options
        assert options.concurrency is not None
        assert options.max_body is not None
        assert options.max_upload is not None
        assert options.timeout is not None
        limited = Limits(
            _InApp(router, self),
            requests=options.concurrency,
            body=options.max_body * MIB,
            upload=options.max_upload * MIB,
            seconds=options.timeout,
        )
        checked = AccessCheck(limited, self.rules)
        recorded = Recorder(checked, self.metrics, self.log, str(options.log))
        return _Application(recorded, self, [face.lifespan for face in faces])

    async def warm(self) -> None:
        """Load the models and indexes that questions to each dataset need; say what fails."""

        def work(kb: KnowledgeBase) -> None:
            for one in kb.datasets.list():
                self._try(partial(kb.retrieve, "warm", one.name, 1), f"dataset {one.name}")
            self._try(partial(self.models.warm, kb), "the embedding model")

        await self.bases.run(work)

    def _try(self, work: Callable[[], object], what: str) -> None:
        try:
            work()
        except KnowledgeError as error:
            self.log(f"{what} is not warm: {error.in_full}")

    def stop(self) -> None:
        """Let streams of events end: those who wait for the end of requests wait for them too."""
        self.stopping = True

    async def run_lifespans(
        self, lifespans: Sequence[Callable[[], AbstractAsyncContextManager[object]] | None]
    ) -> AsyncIterator[None]:
        """Enter what runs beside the requests, and leave it at the end."""
        async with AsyncExitStack() as stack:
            stack.callback(self.models.close)
            stack.callback(self.bases.close)
            self.folder = Path(stack.enter_context(temporary_folder()))
            stack.callback(self.jobs.close)
            for one in lifespans:
                if one is not None:
                    await stack.enter_async_context(one())
            idle = asyncio.create_task(self._close_idle())
            try:
                yield
            finally:
                self.stopping = True
                idle.cancel()

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS / 4)
            await asyncio.to_thread(self.bases.close_idle)


def faces_of(server: Server) -> list[Face]:
    """Return the faces, in the order in which their routes are looked at."""
    from knowledge.server import openai, page, rest
    from knowledge.server.mcp.http import face as mcp_face

    # Further ones join here: each is a room of its own that makes a Face of the server.
    return [rest.face(server), openai.face(server), mcp_face(server), page.face(server)]


class _InApp:
    """Has Starlette route by the path as it was sent, and raise errors of routing.

    In a path that is decoded, a name that holds a slash would be two parts of it.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._server
        scope["path"] = scope["raw_path"].decode("ascii", "replace")
        await self._app(scope, receive, send)


class _Application:
    """The application with its beginning and its end."""

    def __init__(
        self,
        app: ASGIApp,
        server: Server,
        lifespans: Sequence[Callable[[], AbstractAsyncContextManager[object]] | None],
    ) -> None:
        self._app = app
        run = contextlib.asynccontextmanager(lambda _: server.run_lifespans(lifespans))
        self._alone = Router(lifespan=run)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._alone if scope["type"] == "lifespan" else self._app)(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    hint = OPENAI_HINT if OPENAI_PATHS.match(path) else ""
    error = RefusedError(404, "not-found", f"there is nothing at {path[:200]}", hint=hint)
    await reply_to(scope["path"], error)(scope, receive, send)


def _own_routes(server: Server) -> list[BaseRoute]:
    async def healthy(request: Request) -> Response:
        request.scope[ROUTE] = "/healthz"
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        """Tell whether requests can be answered: the data folder can be read, or does not exist."""
        request.scope[ROUTE] = "/readyz"
        if server.stopping:
            return PlainTextResponse("stopping\n", 503)
        try:
            await server.bases.run(lambda kb: kb.datasets.list())
        except KnowledgeError:
            return PlainTextResponse("the store cannot be read\n", 503)
        return PlainTextResponse("ready\n")

    async def metrics(request: Request) -> Response:
        request.scope[ROUTE] = "/metrics"
        text = server.metrics.text({})
        return Response(text, headers={"Content-Type": MEDIA_TYPE})

    return [
        Route("/healthz", healthy),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]
