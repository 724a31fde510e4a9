from __future__ import annotations

import time

import pytest

from knowledge.embeddings.providers.spaces import space_address
from knowledge.embeddings.registry import default_provider
from knowledge.errors import (
    RemoteAuthError,
    RemoteError,
    RemoteResponseError,
    RemoteUnavailableError,
    UsageError,
)
from knowledge.settings.reading import Settings
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.space_server import SpaceServer
from tests.openai_server import Reply

INSTRUCTION = "Represent the document for retrieval: "
QUESTION = "Represent the question for retrieving supporting documents: "


@pytest.fixture
def serve(connect):
    """Start a Space and return it with an embedder for it."""
    opened = []

    def start(provider="spaces_text", environ=None, **options):
        server = SpaceServer(instruct=provider == "spaces_instruct", **options)
        opened.append(server.__enter__())
        variables = {"SPACES_URL": server.root_url, **(environ or {})}
        return server, connect(provider, **variables)

    yield start
    for server in opened:
        server.__exit__()


def test_gradio_3_is_posted_to(serve):
    server, embedder = serve(gradio="3.50.2", environ={"SPACES_KEY": KEY})
    embedder.embed_documents(["one", "two"])
    embedder.embed_query("three")
    first, _ = server.requests
    assert first.path == "/api/predict"
    assert first.body["data"] == [{"headers": [0, 1], "data": [["one", "two"]]}]
    assert first.body["fn_index"] == 1
    assert first.body["session_hash"]
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert [request.path for request in server.gets] == ["/config"]  # asked once


@pytest.mark.parametrize(("gradio", "prefix"), [("4.44.0", ""), ("5.1.0", "/gradio_api")])
def test_gradio_4_and_5_are_called_and_give_events(serve, gradio, prefix):
    server, embedder = serve(gradio=gradio, environ={"SPACES_KEY": KEY})
    embedder.embed_documents(["one", "two"])
    (call,) = server.requests
    assert call.path == f"{prefix}/call/predict"
    assert call.body == {"data": [{"headers": ["0", "1"], "data": [["one", "two"]]}]}
    config, events = server.gets
    assert events.path == f"{prefix}/call/predict/event1"
    assert {request.headers["authorization"] for request in (call, config, events)} == {
        f"Bearer {KEY}"
    }


@pytest.mark.parametrize("gradio", ["3.50.2", "5.1.0"])
def test_instructions_stand_beside_the_texts(serve, gradio):
    server, embedder = serve("spaces_instruct", gradio=gradio)
    embedder.embed_documents(["one", "two"])
    embedder.embed_query("why?")
    documents, question = (request.body["data"][0] for request in server.requests)
    assert documents == {
        "headers": ["instruction", "text"],
        "data": [[INSTRUCTION, "one"], [INSTRUCTION, "two"]],
    }
    assert question["data"] == [[QUESTION, "why?"]]


def test_instructions_may_be_set_and_count(serve):
    environ = {"KNOW_QUERY_INSTRUCTION": "Find: ", "KNOW_DOCUMENT_INSTRUCTION": "none"}
    server, embedder = serve("spaces_instruct", environ=environ)
    embedder.embed_documents(["one"])
    embedder.embed_query("why?")
    assert [request.body["data"][0]["data"] for request in server.requests] == [
        [["", "one"]],
        [["Find: ", "why?"]],
    ]
    assert embedder.spec.options == {"query_instruction": "Find: ", "document_instruction": ""}


@pytest.mark.parametrize("gradio", ["3.50.2", "4.44.0", "5.1.0"])
def test_an_app_that_hides_its_configuration_is_tried_all_ways(serve, gradio):
    server, embedder = serve(gradio=gradio, with_config=False)
    assert embedder.embed_documents(["one", "two"]).vectors.shape == (2, 16)
    tried = len(server.requests)
    embedder.embed_query("x")
    assert len(server.requests) == tried + 1


def test_the_older_names_of_the_variables(connect):
    with SpaceServer(key=KEY) as server:
        connect(
            "SPACES_TEXT",
            EMBEDDINGS_GENERATION_URL=server.root_url,
            EMBEDDINGS_GENERATION_KEY=KEY,
        ).embed_query("x")


def test_two_names_that_disagree_are_named(connect):
    with pytest.raises(UsageError, match="SPACES_URL and EMBEDDINGS_GENERATION_URL"):
        connect("spaces", SPACES_URL="a/b", EMBEDDINGS_GENERATION_URL="c/d")


@pytest.mark.parametrize("name", ["SPACES_TEXT", "spaces_instruct", "Spaces"])
def test_the_embedding_generator_names_it(tmp_path, name):
    environ = {"EMBEDDING_GENERATOR": name, "SPACES_URL": "a/b"}
    settings = Settings.read(environ=environ, folder=tmp_path)
    assert default_provider(settings) == name


def test_spaces_is_short_for_texts(connect):
    assert connect("spaces", SPACES_URL="a/b").spec.provider == "spaces_text"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("theam/e5-multilanguage", "https://theam-e5-multilanguage.hf.space"),
        ("The.Am/My_Space", "https://the-am-my-space.hf.space"),
        ("https://space.example/app/", "https://space.example/app"),
        (" http://localhost:7860 ", "http://localhost:7860"),
    ],
)
def test_a_space_is_a_url_or_a_name(connect, given, url):
    embedder = connect("spaces", SPACES_URL=given)
    assert embedder.endpoint == url
    assert embedder.spec.model == url.partition("://")[2]


@pytest.mark.parametrize("given", ["", "just-a-name", "ftp://x/y"])
def test_what_is_no_space_is_a_usage_error(given):
    with pytest.raises(UsageError, match="SPACES_URL") as caught:
        space_address(given)
    assert caught.value.hint


def test_the_key_is_no_host(connect):
    embedder = connect("spaces_instruct", SPACES_URL="a/b", SPACES_KEY=KEY)
    assert embedder.endpoint == "https://a-b.hf.space"
    assert KEY not in embedder.endpoint + repr(embedder.spec)


def test_a_private_space_wants_the_key(serve):
    _, embedder = serve(private=True, key=KEY)
    with pytest.raises(RemoteError, match="answered 404") as caught:
        embedder.embed_query("x")
    assert "SPACES_KEY" in caught.value.hint
    _, embedder = serve(private=True, key=KEY, environ={"SPACES_KEY": KEY})
    assert embedder.embed_query("x").vectors.shape == (1, 16)


def test_an_app_that_takes_its_queue_only_says_so(serve):
    said = "This API endpoint does not accept direct HTTP POST requests. Please join the queue."
    _, embedder = serve(gradio="3.50.2", script=[Reply(404, {"detail": said})])
    with pytest.raises(RemoteError, match="join the queue") as caught:
        embedder.embed_query("x")
    assert "web socket" in caught.value.hint


@pytest.mark.parametrize(
    ("events", "kind", "said"),
    [
        ("event: error\ndata: null\n\n", RemoteUnavailableError, "does not describe"),
        ('event: error\ndata: "CUDA is away"\n\n', RemoteUnavailableError, "CUDA is away"),
        ('event: error\ndata: {"error": "oh"}\n\n', RemoteUnavailableError, "oh"),
        ("event: heartbeat\ndata: null\n\n", RemoteUnavailableError, "without a result"),
        ("", RemoteUnavailableError, "without a result"),
        ("event: complete\ndata: []\n\n", RemoteResponseError, "without data"),
        ("event: complete\ndata: oops\n\n", RemoteResponseError, "without data"),
        ("event: complete\ndata: [null]\n\n", RemoteResponseError, "without embeddings"),
        ('event: complete\ndata: [{"data": [[]]}]\n\n', RemoteResponseError, "empty vector"),
    ],
)
def test_events_that_are_no_result(serve, events, kind, said):
    _, embedder = serve(events=events)
    with pytest.raises(kind, match=said) as caught:
        embedder.embed_query("x")
    assert type(caught.value) is kind
    assert "spaces_text:127.0.0.1" in caught.value.message


def test_events_before_the_result_are_passed_over(serve):
    events = (
        ": a comment\n\nevent: heartbeat\ndata: null\n\nevent: generating\ndata: [1]\n\n"
        'event: complete\ndata: [{"data": [[1.0, 2.0]]}]\n\n'
    )
    _, embedder = serve(events=events)
    assert embedder.embed_query("x").vectors.tolist() == [[1.0, 2.0]]


def test_a_plain_list_is_a_result_too(serve):
    _, embedder = serve(events="event: complete\ndata: [[[1.0, 2.0]]]\n\n")
    assert embedder.embed_query("x").vectors.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503, {"detail": "Queue is full."}),
        Reply(200, {"error": "Queue is full"}),
        Reply(200, {"error": "HTTP 429 Too Many Requests"}),
    ],
)
def test_a_busy_space_is_asked_again_later(serve, reply):
    server, embedder = serve(script=[reply])
    with pytest.raises(RemoteUnavailableError):
        embedder.embed_query("x")
    assert embedder.embed_query("x").vectors.shape == (1, 16)
    assert len(server.requests) == 2


def test_heartbeats_do_not_keep_a_call_open(serve, monkeypatch):
    _, embedder = serve(events="event: heartbeat\ndata: null\n\n" * 3)
    moments = iter(range(0, 10_000, 100))
    embedder._app.takes_events  # noqa: B018 - asks for the configuration
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(RemoteUnavailableError, match="did not answer within 120 s"):
        embedder.embed_query("x")


def test_an_app_without_the_function_is_named(serve):
    _, embedder = serve(functions=["embed", "other"])
    with pytest.raises(RemoteResponseError, match="no function named predict, but embed, other"):
        embedder.embed_query("x")


def test_a_refused_key_names_the_variable(serve):
    _, embedder = serve(script=[Reply(401, {"error": "Invalid token"})])
    with pytest.raises(RemoteAuthError) as caught:
        embedder.embed_query("x")
    assert "SPACES_KEY" in caught.value.hint
