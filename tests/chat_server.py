"""A server on the loopback address that speaks OpenAI's chat protocol, well or badly.

    with ChatServer(["First answer", {"an": "object"}]) as server:
        run(env={"KNOW_CHAT_BASE_URL": server.base_url, "KNOW_CHAT_MODEL": "m"})
    assert server.questions == ["..."]

Embeddings are answered as well, as `OpenAIServer` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.openai_server import OpenAIServer, Reply, Request, refusal

Answer = str | dict[str, Any] | Reply
Answers = Iterable[Answer] | Callable[[Request], Answer]


class ChatServer(OpenAIServer):
    """Answers ``POST .../chat/completions``, streamed where that is asked for.

    Parameters
    ----------
    answers:
        Texts, objects (sent as JSON) or whole replies, one a request; the last one goes on. Or a
        function that is asked each time.
    formats:
        The kinds of ``response_format`` that it takes; others are refused.
    streams:
        False for a server that answers in one piece whatever is asked.
    """

    def __init__(
        self,
        answers: Answers = ("An answer.",),
        *,
        formats: Iterable[str] = ("json_schema", "json_object"),
        streams: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._function = answers if callable(answers) else None
        self._answers = [] if callable(answers) else list(answers)
        self._formats = set(formats)
        self._streams = streams

    @property
    def chats(self) -> list[Request]:
        """The chat requests in order."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    @property
    def questions(self) -> list[Any]:
        """The content of each chat request's last message."""
        return [request.body["messages"][-1]["content"] for request in self.chats]

    def reply(self, request: Request) -> Reply:
        if not request.path.endswith("/chat/completions"):
            return self._refuse(request) or self.answer(request)
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and self.key not in (sent, request.headers.get("api-key")):
            return refusal(401, f"Incorrect API key provided: {sent}.", "invalid_api_key")
        kind = request.body.get("response_format", {}).get("type")
        if kind and kind not in self._formats:
            return refusal(400, f"'response_format.type' {kind} is not supported by this model")
        answer = self._next(request)
        if isinstance(answer, Reply):
            return answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        if request.body.get("stream") and self._streams:
            return streamed(text)
        return completed(text)

    def _next(self, request: Request) -> Answer:
        if self._function is not None:
            return self._function(request)
        with self.lock:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def completed(text: str | None, **message: Any) -> Reply:
    """Return an answer in one piece."""
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    return Reply(200, {"id": "c", "object": "chat.completion", "choices": [choice]})


def streamed(text: str, *, size: int = 4, ends: bool = True) -> Reply:
    """Return an answer in pieces; without ``ends`` nothing says that it is whole."""
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    events = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    events += [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    events += [{"choices": [], "usage": {"total_tokens": 9}}]
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"] * ends
    return Reply(200, "".join(lines), {"Content-Type": "text/event-stream"})
