"""What a chat model answers, over HTTP on the loopback address."""

from __future__ import annotations

import time

import pytest

from knowledge.chat import ChatModel
from knowledge.errors import (
    RemoteAuthError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteQuotaError,
    RemoteResponseError,
    RemoteUnavailableError,
)
from knowledge.remote.retry import Backoff
from tests.chat_server import ChatServer, completed, streamed
from tests.openai_server import Reply, refusal

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string"}},
    "required": ["query"],
    "additionalProperties": False,
}


def test_a_text(model):
    with ChatServer(["Hello!"]) as server:
        assert model(server).complete(ASKED) == "Hello!"
    (request,) = server.chats
    assert request.body == {"model": "m", "messages": ASKED}
    assert request.headers["authorization"] == "Bearer sk-0123456789abcdef"


def test_what_is_asked_of_the_model(model):
    with ChatServer() as server:
        model(server, temperature=0.0, max_tokens=7, model="other").complete(ASKED)
    assert server.chats[0].body == {
        "model": "other",
        "messages": ASKED,
        "temperature": 0.0,
        "max_tokens": 7,
    }


@pytest.mark.parametrize("thoughts", ["<think>Hm.\nWell.</think>\n", "", "  <think></think>"])
def test_thoughts_are_left_out(model, thoughts):
    with ChatServer([f"{thoughts}It is 42."]) as server:
        assert model(server).complete(ASKED) == "It is 42."
        assert "".join(model(server).stream(ASKED)) == "It is 42."


def test_a_stream_comes_in_pieces(model):
    text = "<b> is no thought, and this is a longer text."
    with ChatServer([text]) as server:
        pieces = list(model(server).stream(ASKED))
    assert "".join(pieces) == text
    assert len(pieces) > 5
    assert server.chats[0].body["stream"] is True


def test_a_server_that_does_not_stream(model):
    with ChatServer(["In one piece."], streams=False) as server:
        assert list(model(server).stream(ASKED)) == ["In one piece."]


def test_parts_of_a_content(model):
    parts = [{"type": "text", "text": "One, "}, {"type": "text", "text": "two."}]
    with ChatServer([completed(parts)]) as server:
        assert model(server).complete(ASKED) == "One, two."


def test_an_object_of_a_schema(model):
    with ChatServer([{"query": "a"}]) as server:
        assert model(server).complete(ASKED, schema=SCHEMA, name="rewritten") == {"query": "a"}
    assert server.chats[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "rewritten", "schema": SCHEMA, "strict": True},
    }


def test_a_loose_schema_is_not_asked_for_strictly(model):
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    with ChatServer([{"query": "a"}]) as server:
        model(server).complete(ASKED, schema=schema)
    assert server.chats[0].body["response_format"]["json_schema"]["strict"] is False


@pytest.mark.parametrize(
    ("formats", "kinds"),
    [(["json_object"], ["json_schema", "json_object"]), ([], ["json_schema", "json_object", None])],
)
def test_a_server_that_knows_less_is_asked_in_other_words(model, formats, kinds):
    with ChatServer([{"query": "a"}], formats=formats) as server:
        chat = model(server)
        assert chat.complete(ASKED, schema=SCHEMA) == {"query": "a"}
        sent = [request.body.get("response_format", {}).get("type") for request in server.chats]
        assert sent == kinds
        words = server.chats[-1].body["messages"]
        assert words[0]["role"] == "system"
        assert words[0]["content"].startswith("Be brief.")
        assert '"required": ["query"]' in words[0]["content"]
        assert words[1] == ASKED[1]
        chat.complete(ASKED, schema=SCHEMA)
        assert len(server.chats) == len(kinds) + 1  # it remembers


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n{"query": "a"}\n```',
        'Here you are: {"query": "a"} I hope it helps.',
        '{oops} {"query": "a"}',
        '<think>{"query": "no"}</think>{"query": "a"}',
    ],
)
def test_words_around_an_object_do_no_harm(model, reply):
    with ChatServer([reply]) as server:
        assert model(server).complete(ASKED, schema=SCHEMA) == {"query": "a"}
    assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("I'd rather not.", "holds no JSON object"),
        ("[1]", "holds no JSON object"),
        ('{"query": ', "holds no JSON object"),
        ({"query": 1}, "does not fit the schema at $.query"),
        ({}, "'query' is a required property"),
    ],
)
def test_a_reply_that_does_not_fit_is_shown_to_the_model_once(model, bad, problem):
    with ChatServer([bad, {"query": "a"}]) as server:
        assert model(server).complete(ASKED, schema=SCHEMA) == {"query": "a"}
    assert len(server.chats) == 2
    *before, reply, repair = server.chats[1].body["messages"]
    assert before == ASKED
    assert reply["role"] == "assistant"
    assert problem in repair["content"]


def test_two_replies_that_do_not_fit_are_an_error(model):
    with ChatServer(["no", "no"]) as server:
        with pytest.raises(RemoteResponseError, match="holds no JSON object") as caught:
            model(server).complete(ASKED, schema=SCHEMA)
    assert (len(server.chats), caught.value.exit_code) == (2, 5)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (refusal(401, "Incorrect API key provided: sk-0123*def"), RemoteAuthError, "answered 401"),
        (refusal(429, "You exceeded your current quota"), RemoteQuotaError, "quota"),
        (refusal(400, "maximum context length is 8 tokens"), RemoteInputTooLongError, "context"),
        (refusal(404, "The model `m` does not exist"), RemoteError, "does not exist"),
        (refusal(503, "overloaded"), RemoteUnavailableError, "overloaded"),
        (Reply(drop=True), RemoteUnavailableError, "can't reach"),
        (Reply(200, "<html>Welcome"), RemoteResponseError, "other than JSON"),
        (Reply(200, {"choices": []}), RemoteResponseError, "holds no message"),
        (completed(None), RemoteResponseError, "holds no text"),
        (completed(None, refusal="I won't."), RemoteResponseError, "I won't."),
        (Reply(200, {"error": {"message": "boom", "code": 503}}), RemoteError, "boom"),
    ],
)
def test_failures(model, reply, kind, said):
    with ChatServer([reply]) as server:
        with pytest.raises(RemoteError) as caught:
            model(server).complete(ASKED)
    assert type(caught.value) is kind or kind is RemoteError
    assert said in caught.value.message
    assert "sk-0123456789abcdef" not in f"{caught.value.message} {caught.value.hint}"


def test_a_model_that_is_not_there_is_named_by_its_variable(model):
    with ChatServer([refusal(404, "The model `m` does not exist")]) as server:
        with pytest.raises(RemoteError) as caught:
            model(server).complete(ASKED)
    assert caught.value.hint == "Check OPENAI_MODEL, now m"


def test_a_failure_that_passes_is_tried_again(settings, model):
    with ChatServer([refusal(503, "overloaded"), "Hello!"]) as server:
        chat = model(server, KNOW_CHAT_RETRIES="2")
        chat._connection._retry.backoff = Backoff(start=0.01)
        assert chat.complete(ASKED) == "Hello!"
    assert len(server.chats) == 2


def test_a_slow_answer_names_the_setting(model):
    def late(_):
        time.sleep(0.5)
        return "late"

    with ChatServer(late) as server:
        with pytest.raises(RemoteUnavailableError) as caught:
            model(server, KNOW_CHAT_TIMEOUT="0.1").complete(ASKED)
    assert "within 0.1 s" in caught.value.message
    assert "KNOW_CHAT_TIMEOUT" in caught.value.hint


def test_a_stream_that_breaks_off_is_an_error(model):
    whole = streamed("A long answer that never ends.")
    with ChatServer([Reply(200, whole.body, whole.headers, cut=True)]) as server:
        pieces = model(server).stream(ASKED)
        assert next(pieces) == "A lo"
        with pytest.raises(RemoteError):
            list(pieces)


def test_an_error_in_the_middle_of_a_stream(model):
    body = streamed("Well, ", ends=False).body + 'data: {"error": {"message": "boom"}}\n\n'
    reply = Reply(200, body, {"Content-Type": "text/event-stream"})
    with ChatServer([reply]) as server:
        with pytest.raises(RemoteError, match="boom"):
            list(model(server).stream(ASKED))


def test_a_new_name_of_the_limit(model):
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."

    def answer(request):
        return refusal(400, said) if "max_tokens" in request.body else "Hello!"

    with ChatServer(answer) as server:
        assert model(server, max_tokens=9).complete(ASKED) == "Hello!"
    assert server.chats[-1].body["max_completion_tokens"] == 9


def test_a_model_without_temperature(model):
    said = "Unsupported value: 'temperature' does not support 0 with this model."

    def answer(request):
        return refusal(400, said) if "temperature" in request.body else "Hello!"

    with ChatServer(answer) as server:
        assert model(server, temperature=0.0).complete(ASKED) == "Hello!"


def test_one_model_serves_several_threads(model):
    from concurrent.futures import ThreadPoolExecutor

    with ChatServer(lambda request: request.body["messages"][0]["content"]) as server:
        chat = model(server)
        asked = [[{"role": "user", "content": f"number {n}"}] for n in range(20)]
        with ThreadPoolExecutor(5) as threads:
            assert list(threads.map(chat.complete, asked)) == [f"number {n}" for n in range(20)]


def test_nothing_is_sent_before_it_is_asked(settings):
    with ChatServer() as server:
        ChatModel.from_settings(settings(server)).close()
    assert server.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_server_is_tried_again(model, stream):
    with ChatServer([refusal(500, "out of memory"), "It is 42."]) as server:
        one = model(server, KNOW_CHAT_RETRIES="1")
        one._connection._retry.backoff = Backoff(start=0.01)
        said = "".join(one.stream(ASKED)) if stream else one.complete(ASKED)
    assert said == "It is 42."
    assert len(server.chats) == 2
