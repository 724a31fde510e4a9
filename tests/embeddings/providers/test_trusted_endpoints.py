"""A key from a trusted place never goes to an address that the folder named, whoever provides."""

from __future__ import annotations

import pytest

from knowledge.embeddings.provider import BUILT_IN, NOWHERE, Place, check_trust, provider_names
from knowledge.errors import UntrustedEndpointError
from knowledge.retrieval.rerank.hosted import SERVER
from knowledge.settings.reading import BY_NAME, TABLE, Settings
from knowledge.settings.trust import check_endpoint
from tests.conftest import write_files
from tests.embeddings.providers.cases import CASES

KEY = "key-do-not-send-0123456789"
EVIL = "https://collector.example/v1"
REACH = {name: one.reach for name, one in BUILT_IN.items() if one.reach is not NOWHERE}
REACH["rerank"] = SERVER
LOCAL = {name for name, one in BUILT_IN.items() if one.place is Place.MACHINE}
WAYS = [
    (provider, endpoint, key)
    for provider, reach in REACH.items()
    for endpoint in reach.endpoints
    for key in (*reach.keys, *reach.identities)
]
every_way = pytest.mark.parametrize(("provider", "endpoint", "key"), WAYS)


@pytest.fixture
def check(tmp_path):
    def attempt(provider, *, folder, environ):
        write_files(tmp_path, folder)
        settings = Settings.read(environ=environ, folder=tmp_path)
        if provider == "rerank":
            check_endpoint(settings, SERVER)
        else:
            check_trust(settings, provider)

    return attempt


def variable(setting):
    return BY_NAME[setting].variables[0]


def dotenv(*pairs):
    return {".env": "".join(f"{variable(name)}={value}\n" for name, value in pairs)}


@every_way
def test_the_folders_address_does_not_get_a_key_of_the_environment(check, provider, endpoint, key):
    environ = {variable(key): KEY}
    for folder in (dotenv((endpoint, EVIL)), {"knowledge.yaml": f"{endpoint}: {EVIL}\n"}):
        with pytest.raises(UntrustedEndpointError, match=r"collector\.example") as caught:
            check(provider, folder={".env": "", **folder}, environ=environ)
        assert variable(key) in caught.value.message
        assert KEY not in str(caught.value.args)


@every_way
def test_what_the_folder_may_decide(check, provider, endpoint, key):
    environ = {variable(key): KEY}
    loopback = dotenv((endpoint, "http://127.0.0.1:8080/v1"))
    check(provider, folder=loopback, environ=environ)
    theirs = dict.fromkeys((key, REACH[provider].keys[0]), "theirs")  # else one signs in
    check(provider, folder=dotenv((endpoint, EVIL), *theirs.items()), environ={})
    check(provider, folder=dotenv((key, "theirs")), environ={variable(endpoint): EVIL})
    trusting = {**environ, "KNOW_TRUST_PROJECT": "1"}
    check(provider, folder=dotenv((endpoint, EVIL)), environ=trusting)


@pytest.mark.parametrize("provider", REACH)
def test_without_a_key_only_a_sign_in_is_protected(check, provider):
    folder = dotenv((REACH[provider].endpoints[0], EVIL))
    if not REACH[provider].signs_in:
        check(provider, folder=folder, environ={})
        return
    with pytest.raises(UntrustedEndpointError, match="a token of yours"):
        check(provider, folder=folder, environ={})


def test_openai_may_be_azure_by_its_type(check):
    folder = dotenv(("azure_openai_endpoint", EVIL))
    environ = {"OPENAI_API_KEY": KEY}
    check("openai", folder=folder, environ=environ)
    with pytest.raises(UntrustedEndpointError):
        check("openai", folder=folder, environ={**environ, "OPENAI_API_TYPE": "AZURE"})


def test_an_address_that_is_not_used_does_not_count(check):
    folder = dotenv(("openai_base_url", EVIL))
    environ = {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "OPENAI_API_KEY": KEY}
    check("azure", folder=folder, environ=environ)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:11434", "[::1]:11434"])
def test_ollamas_host_may_leave_out_the_scheme(check, host):
    folder = dotenv(("ollama_host", host))
    check("ollama", folder=folder, environ={"OLLAMA_API_KEY": KEY})


@pytest.mark.parametrize("address", ["localhost/evil", "127.0.0.1/evil", "collector.example"])
def test_what_only_looks_like_loopback_is_refused(check, address):
    with pytest.raises(UntrustedEndpointError):
        check("spaces", folder=dotenv(("spaces_url", address)), environ={"SPACES_KEY": KEY})


def test_every_secret_is_protected():
    # The chat model's key is checked in the place of OpenAI's; see chat/endpoint.py and its test.
    ours = {key for reach in REACH.values() for key in (*reach.keys, *reach.identities)}
    secret = {setting.name for setting in TABLE if setting.secret}
    # Keys of vector servers are checked where the servers are; a server's own tokens go nowhere.
    elsewhere = {"chroma_api_key", "qdrant_api_key", "server_read_token", "server_token"}
    others = {"openai_organization", "vertex_project"}
    assert ours | {"chat_api_key"} | elsewhere == secret | others


def test_every_provider_with_an_address_is_protected():
    hosted = {case.provider for case in CASES} | {"openai", "azure", "spaces"}
    assert set(REACH) == hosted | {"rerank"}
    code = {"langchain", "llama-index"}
    assert hosted | LOCAL | code == set(provider_names())


@pytest.mark.parametrize("provider", ["opnai", "OPENAI", "", "acme", "openai "])
def test_an_unknown_provider_is_refused(check, provider):
    with pytest.raises(UntrustedEndpointError, match="nothing is known of the provider"):
        check(provider, folder={}, environ={})


@every_way
def test_code_of_others_gets_no_more_than_a_provider(check, provider, endpoint, key):
    folder, environ = dotenv((endpoint, EVIL)), {variable(key): KEY}
    for name in ("python:package:Class", "langchain") if provider != "rerank" else ():
        with pytest.raises(UntrustedEndpointError):
            check(name, folder=folder, environ=environ)


@pytest.mark.parametrize("folder", ["OPENAI_EXTRA_HEADERS=X-Team: a", "OPENAI_ORG_ID=org-1"])
def test_only_a_key_takes_the_place_of_a_sign_in(check, folder):
    lines = f"AZURE_OPENAI_ENDPOINT={EVIL}\nOPENAI_API_TYPE=AZURE_AD\n{folder}\n"
    with pytest.raises(UntrustedEndpointError, match="a token of yours"):
        check("azure", folder={".env": lines}, environ={})
