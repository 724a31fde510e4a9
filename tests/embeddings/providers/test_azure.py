from __future__ import annotations

import sys

import pytest

from knowledge.errors import RemoteAuthError, UsageError
from knowledge.extras import install_command
from tests.embeddings.providers.conftest import KEY
from tests.openai_server import LoopbackServer, OpenAIServer, Reply, refusal

PATH = "/openai/deployments/text-embedding-ada-002/embeddings"


@pytest.fixture
def server():
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def request_of(connect, server):
    """Send one text with some variables, and return the request."""

    def send(provider="azure", **environ):
        variables = {name: text.format(server.root_url) for name, text in environ.items()}
        connect(provider, **variables).embed_query("x")
        return server.requests[-1]

    return send


def test_a_key(request_of):
    request = request_of(AZURE_OPENAI_ENDPOINT="{}", AZURE_OPENAI_API_KEY=KEY)
    assert request.path == PATH
    assert request.query == {"api-version": "2024-02-01"}
    assert request.headers["api-key"] == KEY
    assert "authorization" not in request.headers
    assert request.body["model"] == "text-embedding-ada-002"


def test_the_names_of_openai(request_of):
    request = request_of(
        OPENAI_BASE_URL="{}",
        OPENAI_API_KEY=KEY,
        OPENAI_API_VERSION="2025-01-01",
        OPENAI_AZURE_DEPLOYMENT="mine",
    )
    assert request.path == "/openai/deployments/mine/embeddings"
    assert request.query == {"api-version": "2025-01-01"}
    assert request.headers["api-key"] == KEY


def test_azures_names_win_over_openais(request_of):
    request = request_of(
        OPENAI_BASE_URL="http://127.0.0.1:9",
        OPENAI_API_KEY="key-of-openai",
        AZURE_OPENAI_ENDPOINT="{}",
        AZURE_OPENAI_API_KEY=KEY,
        AZURE_OPENAI_VERSION="2023-05-15",
    )
    assert request.query == {"api-version": "2023-05-15"}
    assert request.headers["api-key"] == KEY
    assert "key-of-openai" not in str(request.headers)


def test_two_names_of_the_version_that_disagree_are_named(request_of):
    with pytest.raises(UsageError, match="OPENAI_API_VERSION and AZURE_OPENAI_VERSION"):
        request_of(OPENAI_API_VERSION="2024-02-01", AZURE_OPENAI_VERSION="2023-05-15")


@pytest.mark.parametrize(
    "directory", [{"OPENAI_API_TYPE": "AZURE_AD"}, {"AZURE_OPENAI_USE_ACTIVE_DIRECTORY": "TRUE"}]
)
def test_a_token_in_the_place_of_the_key(request_of, directory):
    request = request_of(AZURE_OPENAI_ENDPOINT="{}", OPENAI_API_KEY="a-token", **directory)
    assert request.headers["authorization"] == "Bearer a-token"
    assert "api-key" not in request.headers


def test_ellmentals_names(request_of):
    request = request_of(
        "openai",
        EMBEDDING_GENERATOR="OPENAI",
        OPENAI_TYPE="azure",
        OPENAI_API_KEY="a-token",
        AZURE_OPENAI_ENDPOINT="{}",
        AZURE_OPENAI_VERSION="2023-05-15",
        AZURE_OPENAI_USE_ACTIVE_DIRECTORY="true",
    )
    assert request.path == PATH
    assert request.query == {"api-version": "2023-05-15"}
    assert request.headers["authorization"] == "Bearer a-token"


def test_several_texts_are_one_request(connect, server):
    environ = {"AZURE_OPENAI_ENDPOINT": server.root_url, "AZURE_OPENAI_API_KEY": KEY}
    answer = connect("azure", **environ).embed_documents(["one", "two", "three"])
    assert answer.vectors.shape == (3, 64)
    assert len(server.requests) == 1


class IdentityServer(LoopbackServer):
    """The token endpoint of an App Service's managed identity."""

    status = 200

    def reply_to_get(self, request):
        with self.lock:
            self.requests.append(request)
        if self.status != 200:
            return Reply(self.status, {"error": "invalid_request"})
        body = {"access_token": "token-of-azure", "expires_on": "4102444800", "resource": "x"}
        return Reply(200, {**body, "token_type": "Bearer"})


@pytest.fixture
def identity(monkeypatch):
    """Somebody who is signed in, whose tokens come from a loopback server."""
    with IdentityServer() as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.root_url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        yield identity


SIGNED_IN = {"AZURE_OPENAI_ENDPOINT": "{}", "OPENAI_API_TYPE": "AZURE_AD"}


def test_who_is_signed_in_needs_no_key(request_of, server, identity):
    request = request_of(**SIGNED_IN)
    assert request.headers["authorization"] == "Bearer token-of-azure"
    assert "api-key" not in request.headers
    assert identity.requests[0].query["resource"] == "https://cognitiveservices.azure.com"


def test_a_token_is_kept(connect, server, identity):
    environ = {"AZURE_OPENAI_ENDPOINT": server.root_url, "OPENAI_API_TYPE": "AZURE_AD"}
    embedder = connect("azure", **environ)
    assert not identity.requests
    embedder.embed_query("x")
    embedder.embed_query("y")
    assert len(server.requests) == 2
    assert len(identity.requests) == 1


def test_azure_may_refuse_a_token(request_of, server, identity):
    identity.status = 400
    with pytest.raises(RemoteAuthError, match="Azure gives no token") as caught:
        request_of(**SIGNED_IN)
    assert "az login" in caught.value.hint
    assert not server.requests


def test_the_library_may_be_missing(request_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(UsageError, match="azure-identity") as caught:
        request_of(**SIGNED_IN)
    assert install_command("azure") in caught.value.hint


def test_hints_name_the_variable_that_was_set(connect):
    with OpenAIServer(script=[refusal(401, "Access denied")]) as server:
        environ = {"AZURE_OPENAI_ENDPOINT": server.root_url, "AZURE_OPENAI_API_KEY": KEY}
        with pytest.raises(RemoteAuthError) as caught:
            connect("azure", **environ).embed_query("x")
    assert "AZURE_OPENAI_API_KEY" in caught.value.hint


def test_without_a_key_azure_gets_no_text(connect):
    environ = {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    with pytest.raises(RemoteAuthError, match="there is no key"):
        connect("azure", **environ).embed_query("x")
