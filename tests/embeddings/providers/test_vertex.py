from __future__ import annotations

import json
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from knowledge.errors import RemoteAuthError, RemoteUnavailableError, UsageError
from knowledge.extras import install_command
from tests import hostile_server as hostile
from tests.embeddings.providers.conftest import KEY
from tests.embeddings.providers.google_server import VertexServer
from tests.openai_server import LoopbackServer, Reply


@pytest.fixture
def server():
    with VertexServer() as server:
        yield server


@pytest.fixture
def vertex(connect, server):
    return lambda model=None, dimensions=None, **environ: connect(
        "vertex",
        model=model,
        dimensions=dimensions,
        **{
            "VERTEX_API_ENDPOINT": server.root_url,
            "VERTEX_PROJECT": "p-1",
            "VERTEX_API_KEY": KEY,
            **environ,
        },
    )


def test_the_request_says_what_a_text_is_for(vertex, server):
    embedder = vertex()
    answer = embedder.embed_documents(["one text", "another"])
    embedder.embed_query("why?")
    documents, question = server.requests
    assert documents.path == VertexServer.path
    assert documents.body == {
        "instances": [
            {"content": "one text", "task_type": "RETRIEVAL_DOCUMENT"},
            {"content": "another", "task_type": "RETRIEVAL_DOCUMENT"},
        ],
        "parameters": {"autoTruncate": False},
    }
    assert question.body["instances"][0]["task_type"] == "RETRIEVAL_QUERY"
    assert documents.headers["authorization"] == f"Bearer {KEY}"
    assert answer.tokens == 3
    assert embedder.max_batch == 250


def test_dimensions_have_googles_name(vertex, server):
    vertex(dimensions=8).embed_query("x")
    assert server.requests[0].body["parameters"]["outputDimensionality"] == 8


def test_the_newer_model_takes_one_text_in_a_request(vertex):
    assert vertex(model="gemini-embedding-001").max_batch == 1


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (None, "https://us-central1-aiplatform.googleapis.com/v1"),
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com/v1"),
        ("global", "https://aiplatform.googleapis.com/v1"),
    ],
)
def test_the_region_decides_the_address(vertex, location, url):
    embedder = vertex(VERTEX_API_ENDPOINT=None, VERTEX_LOCATION=location)
    assert embedder.endpoint == url


@pytest.mark.parametrize("location", ["evil.example/", "a b", "x@evil.example", "EU"])
def test_a_region_can_not_name_another_host(vertex, location):
    with pytest.raises(UsageError, match="VERTEX_LOCATION is not a region"):
        vertex(VERTEX_LOCATION=location)


def test_googles_own_name_of_the_project(connect, server):
    connect(
        "vertex",
        VERTEX_API_ENDPOINT=server.root_url,
        GOOGLE_CLOUD_PROJECT="p-1",
        VERTEX_API_KEY=KEY,
    ).embed_query("x")


def test_a_token_needs_a_project_beside_it(vertex, server):
    with pytest.raises(UsageError, match="no Google Cloud project") as caught:
        vertex(VERTEX_PROJECT=None)
    assert caught.value.hint == "Set VERTEX_PROJECT."
    assert not server.requests


class TokenServer(LoopbackServer):
    """Google's token endpoint."""

    status = 200

    def reply(self, request):
        body = {"access_token": "token-of-google", "expires_in": 3600, "token_type": "Bearer"}
        return Reply(self.status, body if self.status == 200 else {"error": "invalid_grant"})


@pytest.fixture
def google():
    with TokenServer() as tokens:
        yield tokens


@pytest.fixture
def account(google, monkeypatch, tmp_path):
    """Sign in by a service account whose tokens come from the loopback server."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    def sign_in(changes=None):
        content = {
            "type": "service_account",
            "project_id": "p-1",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "robot@p-1.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{google.root_url}/token",
            **(changes or {}),
        }
        file = tmp_path / "account.json"
        file.write_text(json.dumps(content))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    sign_in()
    return sign_in


def test_default_credentials_take_the_place_of_a_token(vertex, server, google, account):
    embedder = vertex(VERTEX_API_KEY=None, VERTEX_PROJECT=None)
    assert not google.requests
    embedder.embed_query("x")
    embedder.embed_query("y")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer token-of-google"
    ] * 2
    assert server.requests[0].path == VertexServer.path  # the project of the credentials
    assert len(google.requests) == 1  # a token is kept


def test_google_may_refuse_a_token(vertex, server, google, account):
    google.status = 400
    with pytest.raises(RemoteAuthError, match="Google gives no token") as caught:
        vertex(VERTEX_API_KEY=None).embed_query("x")
    assert "gcloud auth application-default login" in caught.value.hint
    assert not server.requests


def test_google_may_be_out_of_reach(vertex, google, account, monkeypatch):
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    google.status = 503
    with pytest.raises(RemoteUnavailableError, match="Google gives no token"):
        vertex(VERTEX_API_KEY=None).embed_query("x")


@pytest.mark.parametrize(
    ("behaviour", "kind", "said"),
    [
        (hostile.endless, RemoteAuthError, "sent a reply larger than"),
        (hostile.gzip_bomb, RemoteAuthError, "sent a reply larger than"),
        (hostile.dripping, RemoteUnavailableError, "Google gives no token"),
    ],
)
def test_a_token_endpoint_is_bounded(vertex, account, monkeypatch, behaviour, kind, said):
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    seconds = 0.4 if behaviour is hostile.dripping else 30
    monkeypatch.setattr("knowledge.remote.sign_in.SIGN_IN_SECONDS", seconds)
    with hostile.HostileServer(behaviour) as tokens:
        account({"token_uri": f"{tokens.url}/token"})
        with pytest.raises(kind, match=said):
            vertex(VERTEX_API_KEY=None).embed_query("x")


def test_nobody_may_be_signed_in(vertex, server, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(RemoteAuthError, match="nobody is signed in to Google Cloud") as caught:
        vertex(VERTEX_API_KEY=None).embed_query("x")
    assert "VERTEX_API_KEY" in caught.value.hint
    assert not server.requests


def test_credentials_may_know_no_project(vertex, google, account):
    account({"project_id": None})
    with pytest.raises(RemoteAuthError, match="no project") as caught:
        vertex(VERTEX_API_KEY=None, VERTEX_PROJECT=None).embed_query("x")
    assert caught.value.hint == "Set VERTEX_PROJECT."


def test_the_library_may_be_missing(vertex, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(UsageError, match="google-auth") as caught:
        vertex(VERTEX_API_KEY=None)
    assert install_command("vertex") in caught.value.hint
