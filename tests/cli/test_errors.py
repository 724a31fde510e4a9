"""Exit codes and errors: a sentence for people, an object for programs, never a traceback."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from contextlib import closing

import filelock
import pytest

from tests.conftest import write_files
from tests.openai_server import OpenAIServer, refusal


def fails(outcome, exit_code, code):
    """Check an outcome of a run with ``--json``."""
    assert outcome.code == exit_code, outcome
    assert outcome.json["schema"] == "knowledge.error/1"
    assert outcome.json["error"]["code"] == code
    assert outcome.json["error"]["message"]
    assert "Traceback" not in outcome.err
    return outcome.json["error"]


def test_text_for_people(run):
    outcome = run("retrieve", "key", "-d", "nowhere")
    assert outcome.code == 3
    assert outcome.out == ""
    assert outcome.err == (
        "error [dataset-not-found]: there is no dataset 'nowhere'\n"
        "hint: `knowledge ingest PATH` makes the first dataset.\n"
    )


def test_an_error_is_said_even_when_quiet(run):
    assert "dataset-not-found" in run("retrieve", "key", "--quiet").err


def test_a_traceback_only_with_debug(run):
    assert "Traceback" not in run("retrieve", "key", "--verbose").err
    assert "Traceback" in run("retrieve", "key", "--debug").err
    outcome = run("retrieve", "key", "--debug", "--json")
    assert outcome.json["error"]["code"] == "dataset-not-found"


@pytest.mark.parametrize("command", ["retrieve", "ask", "askdir"])
def test_a_question_without_quotes(run, command):
    error = fails(run(command, "the", "signing", "key", "-k", "3", "--json"), 2, "usage")
    assert f"knowledge {command} 'the signing key'" in error["hint"]


def test_other_extra_arguments_are_no_question(run):
    assert "quotes" not in run("get-dataset", "a", "b", "--json").json["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (["reset-datastore"], "knowledge reset"),
        (["ingest", "docs", "--textsplitter-chunk-size", "100"], "--chunk-size"),
        (["list-datasets", "--vector-dsn=x"], "--data-dir"),
    ],
)
def test_former_names_are_answered_with_what_there_is(run, arguments, there):
    assert there in fails(run(*arguments, "--json"), 2, "usage")["hint"]


def test_variables_that_are_not_read_are_told(run, monkeypatch):
    monkeypatch.setenv("KNOW_TEXTSPLITTER_CHUNK_SIZE", "100")
    monkeypatch.setenv("KNOW_DATASETT", "handbook")
    monkeypatch.setenv("KNOW_NOTHING_LIKE_OURS", "1")
    told = run("list-datasets").err
    assert "KNOW_TEXTSPLITTER_CHUNK_SIZE is not read: use KNOW_CHUNK_SIZE\n" in told
    assert "KNOW_DATASETT is not read: did you mean KNOW_DATASET?\n" in told
    assert "KNOW_NOTHING_LIKE_OURS" not in told
    assert run("list-datasets", "--quiet").err == ""


def test_a_list_of_keywords_with_commas_is_answered(run, library):
    assert "repeat --keyword" in run("retrieve", "key", "-w", "key,badge").err


def test_a_data_folder_that_is_a_file(run, tmp_path):
    write_files(tmp_path, {"file": "no folder"})
    for command in (["list-datasets"], ["ingest", "."], ["retrieve", "key"]):
        error = fails(run(*command, "--data-dir", tmp_path / "file", "--json"), 1, "failed")
        assert "is a file" in error["message"]


def test_names_with_markup_are_shown_as_they_are(run):
    assert "'[bold]x[/bold]'" in run("retrieve", "key", "-d", "[bold]x[/bold]").err


# 2: usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["ingest"],
        ["retrieve"],
        ["retrieve", "two", "questions"],
        ["retrieve", "key", "--top-k"],
        ["retrieve", "key", "--top-k", "many"],
        ["--no-such-flag"],
        ["ingest", "x", "--chunk-size", "1.5"],
        ["get-dataset"],
    ],
    ids=" ".join,
)
def test_usage(run, arguments, data_dir):
    outcome = run(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error [usage]: ")
    assert "--help" in outcome.err
    fails(run(*arguments, "--json"), 2, "usage")
    assert not data_dir.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["retrieve", "\udcff"],
        ["retrieve", "key", "-w", "\udcff"],
        ["retrieve", "key", "-d", "\udcff"],
        ["retrieve", "key", "--where", "a=\udcff"],
        ["get-file", "\udcff"],
        ["get-dataset", "\udcff"],
        ["create-dataset", "\udcff"],
        ["create-dataset", "new", "--metadata", "a=\udcff"],
        ["ingest", "\udcff"],
        ["ingest", "-", "--name", "\udcff.txt"],
    ],
    ids=lambda arguments: " ".join(arguments).encode("ascii", "replace").decode(),
)
def test_arguments_that_are_no_utf_8_are_no_defect(run, library, arguments):
    for flags in ([], ["--json"]):
        outcome = run(*arguments, *flags, stdin="Some text.")
        assert outcome.code in (0, 1, 2, 3)
        assert "unexpected" not in outcome.out + outcome.err


# 5: the provider


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    def start(*script):
        server = OpenAIServer(script=list(script))
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        return server

    return start


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(401, "bad key"), "embedding-auth"),
        (refusal(429, "quota", "insufficient_quota"), "embedding-quota"),
        (refusal(503, "overloaded"), "embedding-unavailable"),
    ],
    ids=["auth", "quota", "overloaded"],
)
def test_the_provider_fails(run, corpus, server, reply, code):
    with server(*[reply] * 20):
        error = fails(run("ingest", corpus, "--json"), 5, code)
    assert "127.0.0.1" in error["message"]


def test_the_provider_can_not_be_reached(run, corpus, server):
    with server() as gone:
        run("ingest", corpus / "keys.md")
    fails(run("ingest", corpus, "--json"), 5, "embedding-unavailable")
    error = fails(run("retrieve", "key", "--json"), 5, "embedding-unavailable")
    assert gone.base_url.removesuffix("/v1") in error["message"]


def test_a_failed_run_can_be_repeated(run, corpus, server):
    with server(*[refusal(503, "overloaded")] * 20):
        assert run("ingest", corpus).code == 5
    with server():
        assert run("ingest", corpus).code == 0
        assert len(run("retrieve", "key", "--json").json["hits"]) == 5


# 6: locked


@pytest.fixture
def locked(run, corpus, data_dir):
    run("ingest", corpus)
    (lock,) = (data_dir / "locks").glob("*.lock")
    with filelock.FileLock(lock):
        yield lock


@pytest.mark.parametrize(
    "command",
    [
        ["ingest", "{corpus}"],
        ["delete-file", "{corpus}/keys.md"],
        ["delete-dataset", "default", "--yes"],
    ],
    ids=lambda command: command[0],
)
def test_another_process_writes(run, corpus, locked, command):
    given = [argument.format(corpus=corpus) for argument in command]
    error = fails(run(*given, "--lock-timeout", "0", "--json"), 6, "locked")
    assert "'default'" in error["message"]
    assert "--lock-timeout" in error["hint"]


def test_the_wait_may_come_from_the_environment(run, corpus, locked, monkeypatch):
    monkeypatch.setenv("KNOW_LOCK_TIMEOUT", "0")
    assert run("ingest", corpus).code == 6


def test_the_error_says_who_holds_the_lock(run, corpus, locked):
    holder = '{"pid": 4711, "host": "moon", "command": "knowledge ingest x"}'
    locked.with_suffix(".holder").write_text(holder)
    error = fails(run("ingest", corpus, "--lock-timeout", "0", "--json"), 6, "locked")
    for word in ("4711", "moon", "knowledge ingest x"):
        assert word in error["message"]


def test_readers_do_not_wait(run, corpus, locked):
    assert len(run("retrieve", "key", "--json").json["hits"]) == 5
    assert run("list-files").code == 0
    assert run("ingest", corpus, "--dry-run").code == 0


def test_other_datasets_can_be_written(run, corpus, locked):
    assert run("ingest", corpus, "-d", "other", "--lock-timeout", "0").code == 0


# 7: damaged


def test_a_damaged_catalog(run, corpus, data_dir):
    write_files(data_dir, {"catalog.db": b"this is no database " * 500})
    for command in (["list-datasets"], ["retrieve", "key"], ["ingest", corpus], ["list-files"]):
        error = fails(run(*command, "--json"), 7, "store-damaged")
        assert "catalog.db" in error["message"]


def test_a_damaged_index(run, corpus, data_dir):
    run("ingest", corpus)
    for path in data_dir.glob("datasets/*/g*/*/data_level0.bin"):
        path.write_bytes(b"these are no vectors " * 500)
    error = fails(run("retrieve", "key", "--json"), 7, "store-damaged")
    assert error["hint"]


def test_an_index_that_is_gone(run, corpus, data_dir):
    run("ingest", corpus)
    for path in data_dir.glob("datasets/*/g*"):
        shutil.rmtree(path)
    fails(run("retrieve", "key", "--json"), 7, "store-damaged")
    assert run("list-files").code == 0


def test_a_catalog_of_a_newer_version(run, corpus, data_dir):
    run("ingest", corpus)
    with closing(sqlite3.connect(data_dir / "catalog.db")) as catalog:
        catalog.execute("PRAGMA user_version = 999")
    for command in (["list-datasets"], ["retrieve", "key"], ["ingest", corpus]):
        assert "upgrade" in fails(run(*command, "--json"), 7, "store-newer")["hint"].lower()


# 8: another model


def test_another_model(run, corpus, server):
    run("ingest", corpus, "--embedding-model-provider", "static")
    with server():
        command = ["ingest", corpus, "--embedding-model-provider", "openai:m", "--json"]
        error = fails(run(*command), 8, "model-mismatch")
        assert "static" in error["message"]
        assert "openai:m" in error["message"]
        assert run("ingest", corpus).code == 0
        assert len(run("retrieve", "key", "--json").json["hits"]) == 5


def test_a_model_of_other_dimensions_behind_the_same_name(run, corpus, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with OpenAIServer(dimensions=64) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert run("ingest", corpus).code == 0
    with OpenAIServer(dimensions=32) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        outcome = run("retrieve", "key", "--json")
        assert outcome.code in (5, 8)
        assert "64" in outcome.json["error"]["message"]
        write_files(corpus, {"new.txt": "Another text."})
        assert run("ingest", corpus).code in (5, 8)


# 1: the rest


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_data_folder_that_can_not_be_made(run, corpus, tmp_path, path):
    write_files(tmp_path, {"file": "not a folder"})
    outcome = run("ingest", corpus, "--data-dir", tmp_path / path, "--json")
    error = fails(outcome, 1, "failed")
    assert "defect" not in error["hint"]
    assert str(tmp_path / "file") in error["message"]


def test_a_defect_is_told_as_one(run, monkeypatch):
    from knowledge.knowledge_base.datasets import Datasets

    def broken(self):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(Datasets, "list", broken)
    error = fails(run("list-datasets", "--json"), 1, "failed")
    assert "out of cheese" in error["message"]
    assert "--debug" in error["hint"]


# 130 and 143: signals


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_signals(start_process, corpus, locked, name, code, flags):
    process = start_process("ingest", corpus, "--lock-timeout", "60", *flags)
    said = process.stderr.readline()
    assert "waiting for" in said
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1] == {130: "interrupted", 143: "terminated"}[code]


@pytest.mark.slow
def test_a_waiting_writer_goes_on_when_the_other_ends(start_process, run, corpus, data_dir):
    run("ingest", corpus)
    (lock,) = (data_dir / "locks").glob("*.lock")
    with filelock.FileLock(lock):
        process = start_process("ingest", corpus, "--force", "--lock-timeout", "60", "--json")
        assert "waiting for" in process.stderr.readline()
        time.sleep(0.1)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"ingested": 5' in out
