"""Which model, where, and with which key."""

from __future__ import annotations

import pytest

from knowledge.chat.model import chat_endpoint
from knowledge.errors import NoChatModelError, UntrustedEndpointError, UsageError
from knowledge.settings.reading import Settings


@pytest.fixture
def endpoint(tmp_path):
    def find(model=None, **environ):
        return chat_endpoint(Settings.read(environ=environ, folder=tmp_path), model)

    return find


def test_without_a_model_the_message_says_what_to_set(endpoint):
    with pytest.raises(NoChatModelError) as caught:
        endpoint(OPENAI_API_KEY="k")
    assert caught.value.message == "no chat model is set"
    assert "OPENAI_MODEL" in caught.value.hint
    assert caught.value.exit_code == 2


def test_which_model(endpoint):
    assert endpoint(OPENAI_MODEL="a").model == "a"
    assert endpoint(OPENAI_MODEL="a", KNOW_CHAT_MODEL="b").model == "b"
    assert endpoint("c", OPENAI_MODEL="a", KNOW_CHAT_MODEL="b").model == "c"


def test_beside_embedding_generator_the_variable_names_the_embedding_model(endpoint):
    with pytest.raises(NoChatModelError):
        endpoint(OPENAI_MODEL="a", EMBEDDING_GENERATOR="OPENAI")


@pytest.mark.parametrize(
    "url", ["http://h:1/v1", "http://h:1", "http://h:1/v1/", "http://h:1/v1/chat/completions"]
)
def test_an_address_may_be_written_in_many_ways(endpoint, url):
    found = endpoint(OPENAI_MODEL="a", OPENAI_BASE_URL=url, OPENAI_API_KEY="k")
    assert found.url == "http://h:1/v1"
    assert found.headers == {"Authorization": "Bearer k"}


def test_a_server_of_its_own_is_not_shown_the_key_of_the_other(endpoint):
    found = endpoint(
        KNOW_CHAT_MODEL="a",
        KNOW_CHAT_BASE_URL="http://h:1/v1",
        OPENAI_API_KEY="sk-real",
        OPENAI_EXTRA_HEADERS="X-Secret: 1",
        OPENAI_ORG_ID="org",
        OPENAI_API_TYPE="AZURE",
    )
    assert found.url == "http://h:1/v1"
    assert found.headers == {"Authorization": "Bearer sk-foo"}
    assert (found.variables.url, found.variables.key) == ("KNOW_CHAT_BASE_URL", "KNOW_CHAT_API_KEY")
    assert endpoint(
        KNOW_CHAT_MODEL="a", KNOW_CHAT_BASE_URL="http://h:1/v1", KNOW_CHAT_API_KEY="own"
    ).headers == {"Authorization": "Bearer own"}


@pytest.mark.parametrize(
    "base", ["https://x.openai.azure.com", "https://x.openai.azure.com/openai/deployments/emb"]
)
def test_azure_asks_the_deployment_of_the_chat_model(endpoint, base):
    found = endpoint(
        OPENAI_MODEL="gpt-4o",
        OPENAI_API_TYPE="AZURE",
        OPENAI_BASE_URL=base,
        OPENAI_API_KEY="k",
        OPENAI_AZURE_DEPLOYMENT="emb",
    )
    assert found.url == "https://x.openai.azure.com/openai/deployments/gpt-4o"
    assert (found.headers, dict(found.query)) == ({"api-key": "k"}, {"api-version": "2024-02-01"})


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "KNOW_CHAT_BASE_URL"])
def test_a_key_does_not_go_where_the_folder_says(tmp_path, name):
    (tmp_path / ".env").write_text(f"{name}=https://collector.example/v1\n")
    environ = {"OPENAI_MODEL": "a", "OPENAI_API_KEY": "k", "KNOW_CHAT_API_KEY": "k"}
    settings = Settings.read(environ=environ, folder=tmp_path)
    with pytest.raises(UntrustedEndpointError, match=r"collector\.example"):
        chat_endpoint(settings)


def test_an_address_that_is_none_is_named_as_it_was_set(endpoint):
    with pytest.raises(
        UsageError, match=r"^KNOW_CHAT_BASE_URL is not an http:// or https:// address"
    ):
        endpoint(KNOW_CHAT_BASE_URL="nonsense", KNOW_CHAT_MODEL="m")
