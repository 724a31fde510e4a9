"""Headers of the user's own for OpenAI and compatible servers."""

from __future__ import annotations

import json

import pytest

from knowledge.errors import RemoteError, UsageError
from tests.embeddings.providers.conftest import KEY
from tests.openai_server import OpenAIServer, refusal

SECRET = "team-secret-0123456789"


@pytest.fixture
def headers_for(connect):
    def send(given, provider="openai", **environ):
        with OpenAIServer() as server:
            connect(
                provider,
                OPENAI_BASE_URL=server.base_url,
                OPENAI_API_KEY=KEY,
                OPENAI_EXTRA_HEADERS=given,
                **environ,
            ).embed_query("x")
        return server.requests[0].headers

    return send


@pytest.mark.parametrize("provider", ["openai", "azure"])
@pytest.mark.parametrize(
    "given",
    [
        "X-Team: search; X-Trace:  on:2 ;",
        "X-Team: search\nX-Trace: on:2",
        json.dumps({"X-Team": "search", "X-Trace": "on:2"}),
    ],
)
def test_they_are_sent(headers_for, provider, given):
    headers = headers_for(given, provider)
    assert (headers["x-team"], headers["x-trace"]) == ("search", "on:2")
    assert KEY in headers.get("api-key", "") + headers.get("authorization", "")


def test_one_may_take_the_place_of_ours(headers_for):
    headers = headers_for("authorization: Token 1; openai-organization: theirs", OPENAI_ORG_ID="o")
    assert headers["authorization"] == "Token 1"
    assert headers["openai-organization"] == "theirs"


@pytest.mark.parametrize("given", [SECRET, "{" + SECRET, f"[1]; {SECRET}", f"a b: {SECRET}", ": x"])
def test_what_can_not_be_read_is_named_not_shown(connect, given):
    with pytest.raises(UsageError, match="OPENAI_EXTRA_HEADERS can't be read") as caught:
        connect("openai", OPENAI_EXTRA_HEADERS=given)
    assert SECRET not in str(caught.value.args)


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("OPENAI_EXTRA_HEADERS", "X-Team: Büro"),
        ("OPENAI_EXTRA_HEADERS", '{"X-Team": "a\\nb"}'),
        ("OPENAI_ORG_ID", "org-ü"),
    ],
)
def test_what_no_header_can_carry_is_named_by_its_variable(connect, variable, given):
    with pytest.raises(UsageError, match=f"^{variable} holds a character"):
        connect("openai", **{variable: given})


def test_they_are_kept_out_of_messages(connect):
    with OpenAIServer(script=[refusal(404, f"no route for {SECRET}")]) as server:
        with pytest.raises(RemoteError) as caught:
            connect(
                "openai",
                OPENAI_BASE_URL=server.base_url,
                OPENAI_EXTRA_HEADERS=f"X-Team: {SECRET}",
            ).embed_query("x")
    assert SECRET not in str(caught.value.args)
