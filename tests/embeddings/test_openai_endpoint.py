from __future__ import annotations

import base64

import pytest

from knowledge.errors import UsageError
from knowledge.remote.openai import endpoint_of
from knowledge.settings.reading import Settings


@pytest.fixture
def endpoint(tmp_path):
    def build(url="", model="m", **environ):
        environ = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-1", **environ}
        return endpoint_of(Settings.read(environ=environ, folder=tmp_path), model)

    return build


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "https://api.openai.com/v1"),
        ("http://localhost:1234", "http://localhost:1234/v1"),
        ("http://localhost:1234/", "http://localhost:1234/v1"),
        (" http://localhost:1234/v1 ", "http://localhost:1234/v1"),
        ("http://localhost:1234/v1/", "http://localhost:1234/v1"),
        ("http://localhost:1234/v1/embeddings", "http://localhost:1234/v1"),
        ("http://localhost:1234/v1/embeddings/", "http://localhost:1234/v1"),
        ("http://localhost:1234/embeddings", "http://localhost:1234"),
        ("https://host/api/openai", "https://host/api/openai"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_may_be_written_in_many_ways(endpoint, given, url):
    assert endpoint(given).url == url


@pytest.mark.parametrize("given", ["localhost:1234", "ftp://host/v1", "http://", "http://h:x/v1"])
def test_what_is_no_address_is_a_usage_error(endpoint, given):
    with pytest.raises(UsageError, match="not an http:// or https:// address"):
        endpoint(given)


def test_a_refused_address_shows_no_secret(endpoint):
    with pytest.raises(UsageError) as caught:
        endpoint("ftp://me:secret1@host/v1?sig=secret2")
    assert "secret" not in caught.value.message


def test_a_query_is_kept_but_not_shown(endpoint):
    found = endpoint("https://host/v1?sig=abc")
    assert (found.url, found.query) == ("https://host/v1", {"sig": "abc"})


def test_a_name_and_password_take_the_place_of_the_key(endpoint):
    found = endpoint("https://me:p%40ss@host/v1")
    assert found.url == "https://host/v1"
    assert found.headers == {"Authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()}
    assert "p@ss" in found.secrets
    assert "p@ss" not in repr(found)
    assert "sk-1" not in repr(found)


def test_the_organisation_is_sent_when_set(endpoint):
    assert endpoint().headers == {"Authorization": "Bearer sk-1"}
    assert endpoint(OPENAI_ORG_ID="org-1").headers["OpenAI-Organization"] == "org-1"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/deployments/m"),
        ("https://x.openai.azure.com/", "https://x.openai.azure.com/openai/deployments/m"),
        ("https://x.openai.azure.com/openai/", "https://x.openai.azure.com/openai/deployments/m"),
        ("https://gateway/azure", "https://gateway/azure/openai/deployments/m"),
        (
            "https://x.openai.azure.com/openai/deployments/d/embeddings?api-version=2023-05-15",
            "https://x.openai.azure.com/openai/deployments/d",
        ),
        ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1"),
    ],
)
def test_azure_puts_the_deployment_into_the_path(endpoint, given, url):
    assert endpoint(given, OPENAI_API_TYPE="azure").url == url


def test_azure_takes_its_version_from_the_url_or_the_settings(endpoint):
    azure = {"OPENAI_API_TYPE": "AZURE"}
    assert endpoint("https://x.azure.com", **azure).query == {"api-version": "2024-02-01"}
    newer = endpoint("https://x.azure.com", OPENAI_API_VERSION="2025-01-01", **azure)
    assert newer.query == {"api-version": "2025-01-01"}
    in_url = endpoint("https://x.azure.com?api-version=2023-05-15", **azure)
    assert in_url.query == {"api-version": "2023-05-15"}
    assert endpoint("https://x.azure.com/openai/v1", **azure).query == {}


def test_azure_takes_a_key_or_a_token_never_both(endpoint):
    key = endpoint("https://x.azure.com", OPENAI_API_TYPE="AZURE")
    assert key.headers == {"api-key": "sk-1"}
    token = endpoint("https://x.azure.com", OPENAI_API_TYPE="AZURE_AD")
    assert token.headers == {"Authorization": "Bearer sk-1"}
    assert key.provider == token.provider == "azure"


def test_a_deployment_stands_for_the_model(endpoint):
    found = endpoint(
        "https://x.azure.com", OPENAI_API_TYPE="AZURE", OPENAI_AZURE_DEPLOYMENT="my embedder"
    )
    assert found.url.endswith("/openai/deployments/my%20embedder")
    assert found.model == "my embedder"
    assert endpoint(OPENAI_AZURE_DEPLOYMENT="my embedder").model == "m"


def test_azure_needs_a_base_url(endpoint):
    with pytest.raises(UsageError, match="neither OPENAI_BASE_URL nor AZURE_OPENAI_ENDPOINT"):
        endpoint(OPENAI_API_TYPE="AZURE")


def test_official_services_are_known_by_their_host(endpoint):
    assert endpoint().official
    assert endpoint("https://eu.api.openai.com/v1").official
    assert endpoint("https://x.openai.azure.com", OPENAI_API_TYPE="AZURE").official
    assert not endpoint("http://localhost:8080").official
    assert not endpoint("https://notapi.openai.com.evil.org").official
