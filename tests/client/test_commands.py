"""Commands print the same, whether a data folder or a server answers."""

from __future__ import annotations

import pytest

from tests.chat_server import ChatServer
from tests.server.conftest import served, shared

__all__ = ["served", "shared"]

COMMANDS = [
    ["retrieve", "signing key"],
    ["retrieve", "signing key", "--explain", "-k", "2"],
    ["retrieve", "key", "--context", "1", "--merge", "--rerank", "bm25", "--explain"],
    ["retrieve", "key", "-w", "nothing"],
    ["retrieve", "key", "--output", "markdown"],
    ["retrieve", "key", "--output", "csv", "-d", "default"],
    ["retrieve", "key", "-d", "none"],
    ["retrieve", "key", "-k", "0"],
    ["retrieve", "key", "--query", "badge", "--offset", "1", "-k", "2", "--facets", "title"],
    ["list-chunks"],
    ["list-chunks", "--sort", "-name", "--limit", "2", "--offset", "1", "--file", "*.md"],
    ["list-chunks", "--sort", "nothing"],
    ["similar", "keys.md"],
    ["similar", "nothing.md"],
    ["list-datasets"],
    ["list-files"],
    ["list-files", "--status", "failed"],
    ["get-file", "keys.md"],
    ["get-file", "keys.md", "--text"],
]


@pytest.fixture
def both(run, shared, monkeypatch):
    """Run a command on the data folder and on its server; return both outcomes."""

    def call(*command):
        monkeypatch.setenv("KNOW_DATA_DIR", shared.data)
        here = run(*command)
        monkeypatch.delenv("KNOW_DATA_DIR")
        return here, run(*command, "--server", shared.url)

    return call


def without_time(outcome):
    record = dict(outcome.json)
    record.pop("took_ms", None)
    return record


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_prints_the_same(both, command):
    here, there = both(*command)
    assert (there.code, there.out) == (here.code, here.out)
    if here.code == 0:
        here, there = both(*command, "--json") if "--output" not in command else (None, None)
        if here is not None:
            assert without_time(there) == without_time(here)


def test_a_chunk_is_shown(both):
    here, _ = both("retrieve", "signing key", "--json")
    for more in ([], ["--json"]):
        here_shown, there = both("show", here.json["hits"][0]["chunk_id"], "--after", "1", *more)
        assert there == here_shown


def test_an_answer_is_that_of_the_servers_model(library, served, run, monkeypatch):
    with ChatServer(["Every 90 days [1]."]) as chat:
        running = served(
            flags={"chat_base_url": chat.base_url, "chat_model": "small"},
        )
        outcome = run("ask", "how often?", "--server", running.url)
        assert outcome.code == 0
        assert "Every 90 days [1]." in outcome.out
        told = run("ask", "how often?", "--server", running.url, "--json").json
        assert told["model"] == "small"
    refused = run("ask", "how often?", "--server", running.url, "--chat-model", "other")
    assert refused.code == 2


def test_files_are_sent_and_ingested(served, corpus, run, monkeypatch):
    running = served()
    monkeypatch.setenv("KNOW_SERVER", running.url)
    told = run("ingest", corpus, "-d", "new", "--metadata", "team=ops", "--json").json
    assert told["files"]["ingested"] == 5
    again = run("ingest", corpus, "-d", "new", "--metadata", "team=ops", "--json").json
    assert again["files"]["unchanged"] == 5
    files = run("list-files", "-d", "new", "--json").json["files"]
    assert files[0]["file"] == "corpus/canteen.txt"
    assert files[0]["metadata"]["team"] == "ops"
    run("ingest", "-", "--name", "a.txt", "-d", "new", stdin="apples are red")
    hits = run("retrieve", "apples", "-d", "new", "--json").json["hits"]
    assert hits[0]["file"] == "a.txt"
    dry = run("ingest", corpus, "-d", "other", "--dry-run", "--json").json
    assert (dry["dry_run"], dry["files"]["ingested"]) == (True, 5)
    assert run("ingest", "nothing", "-d", "new").code == 3


@pytest.mark.parametrize(
    "more", [["--prune"], ["--chunk-size", "100"], ["https://example.org"], ["--data-dir", "x"]]
)
def test_what_a_server_cannot_do_is_refused(shared, corpus, run, more):
    outcome = run("ingest", corpus, "--server", shared.url, *more)
    assert outcome.code == 2
    assert "server" in outcome.err


def test_a_token_is_sent_and_a_wrong_one_is_told(served, run, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "right")
    running = served()
    assert run("list-datasets", "--server", running.url).code == 0
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "wrong")
    outcome = run("list-datasets", "--server", running.url, "--json")
    assert outcome.json["error"]["code"] == "token"


def test_a_server_that_is_not_there_is_told(run):
    outcome = run("list-datasets", "--server", "http://127.0.0.1:9", "--json")
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "server-failed"
    assert run("list-datasets", "--server", "ftp://x").code == 2


def test_a_folder_cannot_name_a_server(run, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "secret")
    (tmp_path / "here" / ".env").write_text("KNOW_SERVER=https://evil.example.org\n")
    outcome = run("retrieve", "key", "--json")
    assert outcome.json["error"]["code"] == "untrusted-endpoint"


def test_other_commands_do_not_take_the_data_folder_instead(run, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER", "http://127.0.0.1:9")
    outcome = run("delete-dataset", "default", "--yes")
    assert outcome.code == 2
    assert "KNOW_SERVER" in outcome.err
    monkeypatch.delenv("KNOW_DATA_DIR")
    assert run("list-datasets", "--data-dir", "here").code == 0
