"""Secrets of URLs and keys: neither stored nor shown, whatever they are called or encoded as."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from knowledge.errors import UsageError
from knowledge.ingestion.sources.addresses import parse_address
from knowledge.remote.endpoint import Variables, keyed_endpoint, split_address
from knowledge.remote.refusals import Failures
from knowledge.text.masking import masked_urls, without_secrets
from tests.conftest import ROOT
from tests.ingestion.sources.web_server import Answer, WebServer
from tests.openai_server import OpenAIServer, Reply

SECRET = "hunter2hunter2"
RANDOM = "dGhpc0lzQVNlY3JldDEyMzQ1Njc4OTA"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
NAMES = [
    "X-Amz-Signature", "X-Amz-Credential", "X-Goog-Signature", "AWSAccessKeyId", "API_KEY",
    "api-key", "apikey", "Token", "access_token", "sessionToken", "jwt", "code", "password", "pwd",
    "Passwd", "sig", "Signature", "auth", "Authorization", "session", "sid", "PHPSESSID", "key",
    "client_secret", "csrf", "otp", "subscription-key", "hmac", "oauth_verifier", "id%5Ftoken",
]  # fmt: skip
ORDINARY = [
    "https://h/a?page=2&id=123&lang=en",
    "https://h/a?title=how-to-sign-a-very-long-contract-in-2024-and-2025",
    "https://h/w?title=ListOfUnitedStatesCitiesByPopulation&action=history",
    "https://h/?v=dQw4w9WgXcQ&t=120s",
    "https://h/?id=550e8400-e29b-41d4-a716-446655440000",
    "https://h/?commit=5bc50bf0aa11bb22cc33dd44ee55ff6677889900",
    "https://h/?q=Wie+sp%C3%A4t+ist+es%3F&from=2024-05-12T10:30:00Z",
    "https://h/?keywords=monkey&author=Ana&tokenizer=bert&design=flat&sort=date",
    "https://h/?expires=never&policy=privacy&se=1&sp=2",
    "https://h/?next=https%3A%2F%2Fexample.org%2Fpath",
    "https://h/very/long/path/0123456789abcdef0123456789abcdef#section-2",
    "git+ssh://git@h/x",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_masked_by_its_name(name):
    shown = masked_urls(f"see https://h/a?page=2&{name}={SECRET}&lang=en, or not")
    assert SECRET not in shown
    assert f"page=2&{name}=********" in shown
    assert "&lang=en, or not" in shown


@pytest.mark.parametrize("value", [RANDOM, JWT, quote("https://bob:pw@h/?token=x", safe="")])
def test_a_secret_is_masked_by_its_looks(value):
    assert value not in masked_urls(f"https://h/a?x={value}")


@pytest.mark.parametrize("url", [
    f"https://bob:{SECRET}@h/a", f"https://{SECRET}@h/a", f"https://bob:{SECRET}@x@h/a",
    f"https://h/a#access_token={SECRET}&type=x", f"https://h/a;jsessionid={SECRET}?page=2",
])  # fmt: skip
def test_a_secret_is_masked_by_its_place(url):
    assert SECRET not in masked_urls(url)


@pytest.mark.parametrize("url", ORDINARY[:-1])
def test_ordinary_urls_stay_as_they_are(url):
    assert masked_urls(url) == url
    assert parse_address(url).shown == url.partition("#")[0]


def test_masking_twice_changes_nothing():
    once = masked_urls(f"https://bob:pw@h/?key={SECRET}&sig=x&x={RANDOM}")
    assert masked_urls(once) == once


def test_pages_that_differ_in_what_is_masked_stay_two():
    for name in ("key", "code", "session", "page_token"):
        one, other = (parse_address(f"https://h/?{name}={n}").shown for n in ("4711", "4712"))
        assert one != other
        assert "4711" not in one


@pytest.mark.parametrize("url", [
    "https://b/a.pdf?X-Amz-Date={n}&X-Amz-Expires=6{n}&X-Amz-Credential=k{n}&X-Amz-Signature={n}",
    "https://b/a.pdf?sv=2022&se=2024-01-0{n}&sr=b&sp=r&sig=a{n}",
    "https://b/a.pdf?Expires=170000000{n}&Key-Pair-Id=K&Signature=s{n}",
    "https://b/a.pdf?Expires={n}&GoogleAccessId=a&Signature=s{n}", "https://b/a.pdf?token=t{n}",
])  # fmt: skip
def test_a_page_with_a_new_signature_is_the_same(url):
    one, other = (parse_address(url.format(n=n)).shown for n in (1, 2))
    assert one == other


@pytest.mark.parametrize("url", [
    f"https://bob:{SECRET}/x@h/", f"https://bob:{SECRET}#x@h/", f"http://bob:{SECRET}@:x/",
    f"https://h:port/?token={SECRET}", f"git+ftp://bob:{SECRET}@h/r",
])  # fmt: skip
def test_what_is_no_url_is_told_without_its_secret(url):
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert SECRET not in caught.value.in_full


def test_a_repository_is_named_without_its_secrets():
    repository = parse_address(f"https://bob:{SECRET}@github.com/o/r.git?token={SECRET}")
    assert SECRET not in repository.name


@pytest.fixture
def web():
    server = WebServer()
    yield server
    server.close()


def test_nothing_of_a_page_s_secrets_is_kept(run, web, data_dir):
    query = f"X-Amz-Signature={SECRET}&jwt={JWT}&x={RANDOM}&code={SECRET}&page=2"
    web.pages[f"/a.md?{query}"] = Answer(b"# Gate\n\nThe gate code is 4711.")
    url = f"http://bob:{SECRET}@127.0.0.1:{web.port}/a.md?{query}#access_token={SECRET}"
    said = [run("ingest", url, "--allow-private-hosts", "--verbose", "--debug")]
    assert said[0].code == 0
    web.pages.clear()
    said.append(run("ingest", url, "--allow-private-hosts", "--debug"))
    said.append(run("retrieve", "gate code", "--json"))
    said += [run(name, "--json") for name in ("list-files", "history", "list-datasets")]
    for outcome in said:
        for secret in (SECRET, JWT, RANDOM):
            assert secret not in outcome.out + outcome.err
    assert "page=2" in said[2].json["hits"][0]["file"]
    stored = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    for secret in (SECRET, JWT, RANDOM):
        assert secret.encode() not in stored


def test_a_new_signature_is_the_same_file_and_another_code_is_not(run, web):
    for query in ("sig=one&se=1", "sig=two&se=2", "code=1", "code=2"):
        web.pages[f"/a.md?{query}"] = Answer(b"# Gate\n\nThe gate code is 4711.")
        assert run("ingest", f"{web.url}/a.md?{query}", "--allow-private-hosts").code == 0
    assert len(run("list-files", "--json").json["files"]) == 3


ECHOES = {
    "as it is": lambda key: key,
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "with a user in base64": lambda key: base64.b64encode(f"bob:{key}".encode()).decode(),
    "between others in base64": lambda key: base64.b64encode(f"u:{key}xyz".encode()).decode(),
    "in a URL": lambda key: quote(key, safe=""),
    "in base64 of URLs": lambda key: base64.urlsafe_b64encode(f"z{key}".encode()).decode(),
    "in hexadecimal": lambda key: key.encode().hex(),
    "shortened": lambda key: key[:12] + "...",
    "in a header": lambda key: f"Authorization: Basic {base64.b64encode(key.encode()).decode()}",
}
KEY = "k3y/With+Signs=and?more"


@pytest.mark.parametrize("way", ECHOES)
def test_a_key_that_a_server_echoes_is_masked(way):
    echoed = ECHOES[way](KEY)
    given = split_address(f"https://bob:{quote(KEY, safe='')}@h/v1", "URL")
    for address, key in ((given, ""), (split_address("https://h/v1", "URL"), KEY)):
        endpoint = keyed_endpoint(
            "openai", address, path="/v1", model="m", key=key, variables=Variables(), official=False
        )
        failures = Failures(endpoint, "m")
        said = failures.of_status(401, {}, f'{{"error": "no access with {echoed} here"}}', texts=1)
        assert echoed not in said.in_full
        assert "no access with" in said.message
        assert said.message.endswith("here")


def test_a_foreign_basic_header_is_masked():
    header = "Basic " + base64.b64encode(b"ana:unknown-password").decode()
    assert header not in without_secrets(f"got {header}", [])


@pytest.mark.parametrize("command", [
    ("retrieve", "gate"), ("embed", "gate", "--embedding-model-provider", "openai"),
    ("models", "test", "openai"), ("retrieve", "gate", "--rerank", "{url}"), ("ask", "gate"),
])  # fmt: skip
def test_no_command_shows_what_was_sent(run, monkeypatch, command, corpus):
    run("ingest", corpus)

    def echo(request):
        sent = " ".join(f"{name}: {value}" for name, value in request.headers.items())
        return Reply(401, {"error": {"message": f"You sent {sent} to me"}})

    with OpenAIServer(script=echo) as server:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("KNOW_RERANK_API_KEY", KEY)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "m")
        monkeypatch.setenv("OPENAI_EXTRA_HEADERS", f"X-Team: {SECRET}; X-Other: {RANDOM}")
        line = [part.replace("{url}", server.base_url) for part in command]
        outcomes = [run(*line, "--debug"), run(*line, "--json", "--debug")]
    if command != ("retrieve", "gate"):  # the bundled model asks nobody
        assert server.requests
    for outcome in outcomes:
        for secret in (KEY, SECRET, RANDOM, base64.b64encode(KEY.encode()).decode()):
            assert secret not in outcome.out + outcome.err


def test_a_proxy_s_password_is_not_shown(run, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://bob:{SECRET}@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://example.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    outcome = run("embed", "gate", "--embedding-model-provider", "openai", "--debug")
    assert outcome.code == 5
    assert SECRET not in outcome.err
    assert base64.b64encode(f"bob:{SECRET}".encode()).decode() not in outcome.err


def test_git_s_errors_show_no_password(run, monkeypatch, tmp_path):
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\necho 'fatal: no access to https://bob:{SECRET}@h/r?token={SECRET}' >&2\n"
        "exit 1\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    outcome = run("ingest", f"git+file://{ROOT}", "--debug")
    assert outcome.code == 1
    assert "no access to" in outcome.err
    assert SECRET not in outcome.err
