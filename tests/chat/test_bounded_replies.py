"""Answers of a chat model that do not end, whole and streamed."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

from knowledge.chat import connection
from knowledge.chat.connection import UnusableReplyError, object_of
from knowledge.errors import RemoteError, RemoteResponseError, RemoteUnavailableError
from knowledge.remote import transport
from tests import hostile_server as hostile

ASKED = [{"role": "user", "content": "Hello?"}]
PIECE = {"choices": [{"index": 0, "delta": {"content": "word "}}]}
LIMIT = 256 << 10


def event(content) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def repeated(part: bytes, pause: float = 0.0, first: bytes = b""):
    """Return a behaviour: a stream of the same part for ever."""

    def behaviour(handler):
        handler.begin("text/event-stream")
        handler.send(first)
        while handler.server.open:
            handler.send(part)
            time.sleep(pause)

    return behaviour


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    monkeypatch.setattr(transport, "REPLY_BYTES", LIMIT)
    monkeypatch.setattr(connection, "STREAM_BYTES", LIMIT)
    monkeypatch.setattr(connection, "STREAM_TIMES", 3)


@pytest.fixture
def opened(model):
    def open_model(server, seconds):
        return model(None, OPENAI_BASE_URL=server.url, OPENAI_MODEL="m", KNOW_CHAT_TIMEOUT=seconds)

    return open_model


def whole(model):
    return model.complete(ASKED)


def in_parts(model):
    return "".join(model.stream(ASKED))


both_ways = pytest.mark.parametrize("ask", [whole, in_parts])


@both_ways
@pytest.mark.parametrize("behaviour", [hostile.endless, hostile.gzip_bomb])
def test_a_reply_is_bounded_in_bytes(opened, ask, behaviour):
    with hostile.HostileServer(behaviour) as server:
        with pytest.raises(RemoteError, match="larger than 262,144 bytes") as caught:
            ask(opened(server, "30"))
        assert not isinstance(caught.value, RemoteUnavailableError)
    assert server.requests == 1
    assert server.sent < 40 * LIMIT


@both_ways
@pytest.mark.parametrize("behaviour", [hostile.dripping, hostile.silent])
def test_a_reply_is_bounded_in_time(opened, ask, behaviour):
    with hostile.HostileServer(behaviour) as server:
        with pytest.raises(RemoteUnavailableError, match=r"did not answer within 0\.4 s"):
            ask(opened(server, "0.4"))


@both_ways
def test_deep_json_is_a_sentence(opened, ask):
    with hostile.HostileServer(hostile.deep) as server:
        with pytest.raises(RemoteResponseError, match="nested too deeply"):
            ask(opened(server, "30"))


def test_a_stream_is_bounded_in_bytes(opened):
    with hostile.HostileServer(repeated(event(PIECE) * 100)) as server:
        with pytest.raises(RemoteError, match="larger than"):
            in_parts(opened(server, "30"))


@pytest.mark.parametrize("part", [b": still here\n\n", b"x"])
def test_what_is_no_event_does_not_keep_a_stream_open(opened, part):
    with hostile.HostileServer(repeated(part, 0.05, first=event(PIECE))) as server:
        pieces = opened(server, "0.4").stream(ASKED)
        assert next(pieces) == "word "
        with pytest.raises(RemoteUnavailableError, match="did not answer within"):
            list(pieces)


@pytest.mark.slow
def test_a_stream_may_take_longer_than_its_parts_but_not_for_ever(opened):
    started = time.monotonic()
    with hostile.HostileServer(repeated(event(PIECE), 0.1)) as server:
        with pytest.raises(RemoteUnavailableError):
            in_parts(opened(server, "0.6"))
    assert 1.5 < time.monotonic() - started < 60
    assert server.sent > 10 * len(event(PIECE))


@pytest.mark.parametrize("part", [
    b"data: " + b"[" * 100_000 + b"\n\n", b'data: {"choices": [null, 1e400]}\n\n',
    b'data: {"choices": "x"}\n\n', b"data: 12\n\n", b'data: {"choices": {"a": NaN}}\n\n',
])  # fmt: skip
def test_a_stream_that_holds_odd_json(opened, part):
    with hostile.HostileServer(lambda handler: (handler.begin("text/event-stream"),
                                                handler.send(part))) as server:  # fmt: skip
        with contextlib.suppress(RemoteError):  # whatever is raised is one of ours
            in_parts(opened(server, "30"))


def test_an_object_that_is_nested_too_deeply():
    with pytest.raises(UnusableReplyError, match="nested too deeply"):
        object_of('{"a": ' * 100_000, {"type": "object"})
