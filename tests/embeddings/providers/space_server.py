"""A Hugging Face Space, on each generation of Gradio."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.embeddings.providers.server import ServiceServer
from tests.openai_server import Reply, Request


class SpaceServer(ServiceServer):
    """A Space on Gradio 3, 4 or 5, with texts or with instructions and texts.

    Parameters
    ----------
    gradio:
        The version.
    private:
        Answer everything without the key with 404, as Hugging Face does.
    events:
        Server-sent events to give instead of the true ones.
    """

    def __init__(
        self,
        *,
        gradio: str = "5.1.0",
        instruct: bool = False,
        private: bool = False,
        with_config: bool = True,
        events: str | None = None,
        functions: Iterable[str] = ("other", "predict"),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.gradio = gradio
        self.instruct = instruct
        self.private = private
        self.with_config = with_config
        self.events = events
        self.functions = list(functions)
        self.results: dict[str, Any] = {}
        self.gets: list[Request] = []

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.gradio.partition(".")[0])

    @property
    def prefix(self) -> str:
        """What all paths of the API begin with."""
        return "/gradio_api" if self.major >= 5 else ""

    def reply_to_get(self, request: Request) -> Reply:
        """Give the configuration, or the events of a call."""
        with self.lock:
            self.gets.append(request)
        if self._is_hidden(request):
            return Reply(404, "<html>404</html>")
        if request.path == "/config" and self.with_config:
            return Reply(200, self._config())
        result = self.results.pop(request.path.rpartition("/")[2], None)
        if result is None:
            return Reply(404, {"detail": "Not Found"})
        said = f"event: heartbeat\ndata: null\n\nevent: complete\ndata: {json.dumps(result)}\n\n"
        kind = {"Content-Type": "text/event-stream"}
        return Reply(200, self.events if self.events is not None else said, kind)

    def reply(self, request: Request) -> Reply:
        """Take a call."""
        if self._is_hidden(request):
            return Reply(404, "<html>404</html>")
        return super().reply(request)

    def _is_hidden(self, request: Request) -> bool:
        return self.private and self.shown_key(request) != self.key

    def _config(self) -> dict[str, Any]:
        named = [{"id": n, "api_name": name} for n, name in enumerate(self.functions)]
        config: dict[str, Any] = {"version": self.gradio, "dependencies": named}
        if self.major >= 4:
            config["protocol"] = "sse_v3"
        if self.prefix:
            config["api_prefix"] = self.prefix
        return config

    def _refuse(self, request: Request) -> Reply | None:
        known = "/api/predict" if self.major < 4 else f"{self.prefix}/call/predict"
        if request.path.rstrip("/") != known:
            return Reply(404, {"detail": "Not Found"})
        (frame,) = request.body["data"]
        if self.major >= 4:
            headers = frame.get("headers")
            if not headers or not all(isinstance(name, str) for name in headers):
                return Reply(422, {"detail": "DataframeData.headers: Field required"})
        elif request.body.get("fn_index", self.functions.index("predict")) != 1:
            return Reply(500, {"error": "wrong function"})
        self.path = request.path
        return super()._refuse(request)

    def texts_of(self, request: Request) -> list[str]:
        """Return what is to be embedded."""
        rows = request.body["data"][0]["data"]
        return [text for _, text in rows] if self.instruct else list(rows[0])

    def size_of(self, request: Request) -> None:
        """Spaces take no dimensions."""

    def answer(self, request: Request, texts: list[str], vectors: list[list[float]]) -> Reply:
        """Give the data at once, or keep them for the events."""
        data = [{"headers": list(range(len(vectors[0]))), "data": vectors}]
        if self.major < 4:
            return Reply(200, {"data": data, "is_generating": False, "duration": 0.1})
        with self.lock:
            event = f"event{len(self.requests)}"
            self.results[event] = data
        return Reply(200, {"event_id": event})

    def error(self, status: int, message: str) -> Reply:
        """Give an error of Gradio 3."""
        return Reply(status, {"error": message})
