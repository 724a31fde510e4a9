"""A key never goes where an untrusted folder sends it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.conftest import write_files
from tests.openai_server import OpenAIServer

KEY = "sk-do-not-send-0123456789"
EVIL = "https://collector.example/v1"


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here"


@pytest.fixture
def chosen(run, corpus):
    """Try an ingest that sends nothing; return its exit code and error code."""

    def attempt(*flags):
        outcome = run("ingest", corpus, "--dry-run", "--json", *flags)
        return outcome.code, outcome.json.get("error", {}).get("code")

    return attempt


REFUSED = (2, "untrusted-endpoint")
ACCEPTED = (0, None)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def test_a_base_url_from_dotenv_does_not_get_a_key_from_the_environment(
    run, chosen, key, here, corpus
):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    assert chosen() == REFUSED
    outcome = run("ingest", corpus)
    assert outcome.code == 2
    for word in ("untrusted-endpoint", "collector.example", ".env", "knowledge trust"):
        assert word in outcome.err
    assert KEY not in outcome.out + outcome.err


def test_a_base_url_from_the_project_file_does_not_either(chosen, key, here):
    write_files(here, {"knowledge.yaml": f"openai_base_url: {EVIL}\n"})
    assert chosen() == REFUSED


@pytest.mark.parametrize("provider", ["openai", "azure", "openai:some-model"])
def test_whatever_the_provider_is_called(chosen, key, here, provider):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    assert chosen("--embedding-model-provider", provider) == REFUSED


def test_static_sends_nothing_and_is_not_refused(chosen, key, here):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    assert chosen("--embedding-model-provider", "static") == ACCEPTED


def test_a_key_of_the_folder_may_go_where_the_folder_says(chosen, here):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\nOPENAI_API_KEY=sk-theirs\n"})
    assert chosen() == ACCEPTED


def test_no_key_needs_no_trust(chosen, here):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    assert chosen() == ACCEPTED


def test_a_base_url_from_the_environment_is_the_users_own(chosen, key, here, monkeypatch):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    monkeypatch.setenv("OPENAI_BASE_URL", "https://llm.example/v1")
    assert chosen() == ACCEPTED


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "http://127.0.0.1:1234",
        "http://127.8.9.10/v1",
        "http://[::1]:8080/v1",
        "HTTP://LOCALHOST/v1",
    ],
)
def test_a_loopback_address_is_harmless(chosen, key, here, url):
    write_files(here, {".env": f"OPENAI_BASE_URL={url}\n"})
    assert chosen() == ACCEPTED


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.collector.example/v1",
        "http://127.0.0.1.collector.example/v1",
        "http://localhost@collector.example/v1",
        "http://127.0.0.1:80@collector.example/v1",
        "http://collector.example/localhost",
        "http://collector.example#localhost",
        "http://10.0.0.1/v1",
        "http://0.0.0.0/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://[::1",
    ],
)
def test_what_only_looks_like_loopback_is_refused(chosen, key, here, url):
    write_files(here, {"knowledge.yaml": f"openai_base_url: '{url}'\n"})
    assert chosen() == REFUSED


def test_a_trusted_folder_is_accepted_until_it_is_trusted_no_longer(run, chosen, key, here):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    assert chosen() == REFUSED
    outcome = run("trust", ".")
    assert (outcome.code, outcome.out) == (0, f"{here} is trusted\n")
    assert chosen() == ACCEPTED
    assert run("trust", here, "--remove").out == f"{here} is no longer trusted\n"
    assert chosen() == REFUSED


def test_trust_is_for_one_folder(run, chosen, key, here, monkeypatch):
    write_files(
        here, {".env": f"OPENAI_BASE_URL={EVIL}\n", "deep/.env": f"OPENAI_BASE_URL={EVIL}\n"}
    )
    run("trust", "deep")
    assert chosen() == REFUSED
    monkeypatch.chdir(here / "deep")
    assert chosen() == ACCEPTED
    run("trust", here)
    run("trust", "--remove")
    assert chosen() == REFUSED


def test_trust_in_the_environment(chosen, key, here, monkeypatch):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    monkeypatch.setenv("KNOW_TRUST_PROJECT", "1")
    assert chosen() == ACCEPTED
    monkeypatch.setenv("KNOW_TRUST_PROJECT", "0")
    assert chosen() == REFUSED


@pytest.mark.parametrize(
    "files",
    [
        {".env": f"OPENAI_BASE_URL={EVIL}\nKNOW_TRUST_PROJECT=1\n"},
        {".env": f"OPENAI_BASE_URL={EVIL}\n", "knowledge.yaml": "trust_project: true\n"},
        {"knowledge.yaml": f"openai_base_url: {EVIL}\ntrust_project: true\n"},
    ],
    ids=[".env", "knowledge.yaml", "both"],
)
def test_a_folders_own_word_does_not_count(chosen, key, here, files):
    write_files(here, files)
    assert chosen() == REFUSED


def test_a_folder_can_not_move_the_list_of_trusted_folders(run, chosen, key, here):
    write_files(
        here,
        {
            ".env": f"OPENAI_BASE_URL={EVIL}\nXDG_CONFIG_HOME={here}\nHOME={here}\n",
            "knowledge/trusted.json": json.dumps([str(here)]),
        },
    )
    assert chosen() == REFUSED


@pytest.mark.parametrize("content", ["", "{}", "[[[", "7", '["/"]', "null"])
def test_a_damaged_list_trusts_nothing(run, chosen, key, here, tmp_path, content):
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    write_files(tmp_path / "home/config/knowledge", {"trusted.json": content})
    assert chosen() == REFUSED
    run("trust", ".")
    assert chosen() == ACCEPTED


def test_the_list_of_trusted_folders(run, here, tmp_path):
    (tmp_path / "another").mkdir()
    assert run("trust", ".", "--json").json["trusted"] == [str(here)]
    assert run("trust", tmp_path / "another", "--json").json["trusted"] == sorted(
        [str(here), str(tmp_path / "another")]
    )
    assert run("trust", ".", "--json").json["trusted"] == sorted(
        [str(here), str(tmp_path / "another")]
    )
    run("trust", "--remove")
    assert run("trust", tmp_path / "another", "--remove", "--json").json["trusted"] == []


def test_a_folder_that_does_not_exist_can_not_be_trusted(run):
    outcome = run("trust", "nowhere", "--json")
    assert outcome.code == 3
    assert outcome.json["error"]["code"] == "path-not-found"


def test_a_folder_that_is_gone_can_be_forgotten(run, tmp_path):
    (tmp_path / "gone").mkdir()
    run("trust", tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run("trust", tmp_path / "gone", "--remove", "--json").json["trusted"] == []


def test_a_question_is_not_sent_either(run, corpus, key, here, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert run("ingest", corpus).code == 0
    monkeypatch.delenv("OPENAI_BASE_URL")
    write_files(here, {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    for command in (["retrieve", "key"], ["ingest", corpus], ["askdir", "key", "-p", corpus]):
        outcome = run(*command, "--json")
        assert (outcome.code, outcome.json["error"]["code"]) == REFUSED
    assert run("list-files").code == 0


def test_a_password_in_the_address_is_not_shown(run, corpus, key, here):
    write_files(here, {".env": "OPENAI_BASE_URL=https://ana:sk-hidden@collector.example/v1\n"})
    outcome = run("ingest", corpus)
    assert outcome.code == 2
    assert "sk-hidden" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    "files",
    [
        {".env": "KNOW_EMBEDDING_MODEL_PROVIDER=python:evil:Embedder\n"},
        {"knowledge.yaml": "embedding_model_provider: 'python:evil:Embedder'\n"},
    ],
    ids=[".env", "knowledge.yaml"],
)
def test_code_that_the_folder_names_is_not_loaded(run, run_process, corpus, here, files):
    write_files(here, {**files, "evil.py": "open('loaded', 'w').close()\n"})
    outcome = run_process("ingest", corpus, "--json", cwd=here)
    assert (outcome.code, outcome.json["error"]["code"]) == REFUSED
    assert not (here / "loaded").exists()


@pytest.mark.slow
def test_code_that_a_data_folder_of_the_folder_names_is_not_loaded(run, run_process, corpus, here):
    """A stranger may bring a whole data folder, whose dataset records its provider."""
    run("ingest", corpus, "--data-dir", here / "store")
    with closing(sqlite3.connect(here / "store/catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE datasets SET provider = 'python:evil:Embedder'")
    write_files(here, {".env": "KNOW_DATA_DIR=store\n", "evil.py": "open('loaded', 'w').close()\n"})
    for command in (["retrieve", "key"], ["ingest", corpus]):
        outcome = run_process(*command, "--json", env={"KNOW_DATA_DIR": None}, cwd=here)
        assert not (here / "loaded").exists()
        assert (outcome.code, outcome.json["error"]["code"]) == (2, "untrusted-model")


@pytest.mark.parametrize(
    ("provider", "line", "key"),
    [
        ("cohere", f"COHERE_BASE_URL={EVIL}", "COHERE_API_KEY"),
        ("azure", f"AZURE_OPENAI_ENDPOINT={EVIL}", "AZURE_OPENAI_API_KEY"),
        ("ollama", "OLLAMA_HOST=collector.example", "OLLAMA_API_KEY"),
        ("spaces_text", "SPACES_URL=collector/example", "EMBEDDINGS_GENERATION_KEY"),
    ],
)
def test_other_providers_keys_do_not_go_there_either(
    chosen, here, monkeypatch, provider, line, key
):
    monkeypatch.setenv(key, KEY)
    write_files(here, {".env": f"{line}\n"})
    assert chosen("--embedding-model-provider", provider) == REFUSED
