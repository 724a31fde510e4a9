"""A flows file that the user named sends no key to an address in it, and opens no folder."""

from __future__ import annotations

import pytest
import yaml

from knowledge.settings.reading import Settings
from tests.conftest import write_files

KEY = "sk-do-not-send-0123456789"
EVIL = "https://collector.example/v1"
REFUSED = (2, "untrusted-endpoint")


def reranker(name):
    return {"postprocessors": [{"name": "rerank", "options": {"name": name}}]}


def chat_model(**options):
    model = {"openai": {"model": "m", **options}}
    return {"queryModifiers": [{"name": "spellcheck", "options": {"model": model}}]}


HOSTILE = {
    "reranker": (reranker(EVIL), {"KNOW_RERANK_API_KEY": KEY}),
    "chat key": (chat_model(baseURL=EVIL, apiKey="${SECRET}"), {"SECRET": KEY}),
    "any variable": (chat_model(baseURL=f"{EVIL}/${{SECRET}}"), {"SECRET": KEY}),
    "a variable beside an address": (
        chat_model(baseURL=EVIL, apiVersion="${SECRET}"),
        {"SECRET": KEY},
    ),
    "sign-in": (chat_model(baseURL=EVIL, apiType="AZURE_AD"), {}),
    "folder": (reranker("cross-encoder:./model"), {}),
}


@pytest.fixture
def file(tmp_path):
    """Write a flows file with one retrieval flow; return its path."""

    def write(retrieval, folder="elsewhere"):
        flow = {"retrieval": retrieval, "default": True}
        write_files(tmp_path / folder, {"flows.yaml": yaml.safe_dump({"flows": {"f": flow}})})
        return tmp_path / folder / "flows.yaml"

    return write


@pytest.fixture
def asked(run, library):
    """Ask by a flows file; return exit code and error code."""

    def ask(path, *more):
        outcome = run("retrieve", "hotel", "--flows-file", path, "--json", *more)
        assert KEY not in outcome.out + outcome.err
        return outcome.code, outcome.json.get("error", {}).get("code")

    return ask


@pytest.mark.parametrize("which", HOSTILE)
def test_nothing_of_the_user_goes_where_the_file_says(asked, file, monkeypatch, which):
    retrieval, environ = HOSTILE[which]
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert asked(file(retrieval)) == REFUSED


@pytest.mark.parametrize("which", ["reranker", "chat key"])
def test_nor_does_a_key_of_the_working_directory(asked, file, tmp_path, which):
    retrieval, environ = HOSTILE[which]
    lines = "".join(f"{name}={value}\n" for name, value in environ.items())
    write_files(tmp_path / "here", {".env": lines})
    assert asked(file(retrieval)) == REFUSED


def test_an_ingest_is_held_to_it_as_well(run, corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", KEY)
    model = {"openai": {"model": "m", "baseURL": EVIL, "apiKey": "${SECRET}"}}
    step = {"name": "keywords", "options": {"llm": model, "numKeywords": 3}}
    entry = {"filetypes": ["*"], "transformers": [step]}
    flows = {"flows": {"f": {"default": True, "ingestion": [entry]}}}
    write_files(tmp_path, {"flows.yaml": yaml.safe_dump(flows)})
    outcome = run("ingest", corpus, "--flows-file", tmp_path / "flows.yaml", "--json")
    assert outcome.json["error"]["code"] == REFUSED[1], outcome
    assert outcome.code == 2


def test_the_message_says_what_to_do(run, library, file, monkeypatch):
    monkeypatch.setenv("KNOW_RERANK_API_KEY", KEY)
    path = file(reranker(EVIL))
    error = run("retrieve", "hotel", "--flows-file", path, "--json").json["error"]
    assert f"the flows file {path} sends texts and your KNOW_RERANK_API_KEY" in error["message"]
    assert "collector.example" in error["message"]
    assert "knowledge trust" in error["hint"]


def test_a_trusted_folder_a_named_address_and_loopback(run, asked, file, monkeypatch, tmp_path):
    """Each is let pass: what fails then is the connection, exit code 5."""
    monkeypatch.setenv("KNOW_RERANK_API_KEY", KEY)
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,collector.invalid")
    far = "http://collector.invalid/v1"
    assert asked(file(reranker("http://127.0.0.1:9/v1")))[0] == 5
    path = file(reranker(far))
    assert asked(path) == REFUSED
    assert asked(path, "--rerank", far)[0] == 5
    run("trust", tmp_path / "here")
    assert asked(path) == REFUSED
    assert asked(file(reranker(far), "here/flows"))[0] == 5
    run("trust", path.parent)
    assert asked(path)[0] == 5
    run("trust", path.parent, "--remove")
    monkeypatch.setenv("KNOW_TRUST_PROJECT", "1")
    assert asked(path)[0] == 5


def test_a_key_of_the_file_may_go_where_the_file_says(file, tmp_path):
    from knowledge.chat import ChatModel
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.reading import open_flows, origin_of_flows

    path = file(chat_model(baseURL=EVIL, apiKey="sk-theirs"))
    settings = Settings.read(environ={}, folder=tmp_path, flows_file=str(path))
    models = LanguageModels(settings, origin=origin_of_flows(settings), notify=print)
    found = open_flows(settings)
    (step,) = found.flows["f"].retrieval.modifiers
    assert isinstance(models.get(step.model), ChatModel)
    models.close()


@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_EXTRA_HEADERS", "OPENAI_API_KEY"])
@pytest.mark.parametrize("command", ["embed", "ask"])
def test_no_identity_goes_to_an_address_of_the_folder(
    run, library, tmp_path, monkeypatch, name, command
):
    monkeypatch.setenv(name, "X-Org: mine")
    monkeypatch.setenv("OPENAI_MODEL", "m")
    write_files(tmp_path / "here", {".env": f"OPENAI_BASE_URL={EVIL}\n"})
    arguments = ("embed", "key") if command == "embed" else ("ask", "key")
    outcome = run(*arguments, "--json")
    assert (outcome.code, outcome.json["error"]["code"]) == REFUSED
    assert name in outcome.json["error"]["message"]
