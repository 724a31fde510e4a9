"""Every command's ``--json`` keeps its contract where something is wrong, too."""

from __future__ import annotations

import shutil

import pytest

from knowledge.settings.reading import Settings
from knowledge.storage.local.lock import write_lock
from knowledge.storage.opening import open_store
from tests.cli.test_json import RUNS, filled_in
from tests.conftest import write_files

CONTRACTS = [f"knowledge.{schema}/1" for schema in ("error", *{one for one, _ in RUNS.values()})]


def healthy(folder, data, monkeypatch):
    """Nothing is wrong."""


def failed_run(folder, data, monkeypatch):
    """The last run could not embed."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")


def damaged_index(folder, data, monkeypatch):
    """The vectors are gone."""
    for path in (data / "datasets").glob("*/g*"):
        shutil.rmtree(path)


def damaged_catalog(folder, data, monkeypatch):
    """The catalog is no database."""
    for path in data.glob("catalog.db*"):
        path.unlink()
    (data / "catalog.db").write_bytes(b"no database at all" * 999)


def unknown_provider(folder, data, monkeypatch):
    """A setting names no provider."""
    monkeypatch.setenv("KNOW_EMBEDDING_MODEL_PROVIDER", "opnai")


def wrong_setting(folder, data, monkeypatch):
    """A setting's value does not fit."""
    monkeypatch.setenv("KNOW_TOP_K", "many")


def empty_folder(folder, data, monkeypatch):
    """There is nothing yet, neither documents nor a data folder."""
    shutil.rmtree(data)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


STATES = (
    failed_run,
    damaged_index,
    damaged_catalog,
    unknown_provider,
    wrong_setting,
    empty_folder,
)


@pytest.mark.parametrize("state", STATES)
def test_every_command_keeps_its_contract(
    run,
    library,
    data_dir,
    exported,
    tmp_path,
    monkeypatch,
    state,
):
    folder = tmp_path / "changed"
    shutil.copytree(library, folder)
    write_files(folder, {"new.md": "# Something new"})
    state(folder, data_dir, monkeypatch)
    kept = tmp_path / "kept"
    if data_dir.exists():
        shutil.copytree(data_dir, kept)
    for command, (_, variants) in RUNS.items():
        given = [one for one in variants[0] if one != "{chunk}"]
        if len(given) < len(variants[0]):
            given.append("0123456789abcdef")
        given = filled_in(given, folder, exported, tmp_path)
        outcome = run(*command.split(), *given, "--json", "-q", stdin="# A text")
        lines = outcome.out.splitlines()
        assert len(lines) == 1 or command == "watch", (command, outcome)
        assert outcome.json["schema"] in CONTRACTS, command
        assert "This is a bug" not in outcome.out, command
        assert (
            (outcome.code == 0)
            or outcome.json["schema"] == "knowledge.error/1"
            or command
            in (
                "doctor",
                "ingest",
            )
        ), (command, outcome)
        if command in ("reset", "rename-dataset", "delete-dataset"):
            shutil.rmtree(data_dir, ignore_errors=True)
            if kept.exists():
                shutil.copytree(kept, data_dir)


def test_a_failed_run_keeps_the_contract(run, library, monkeypatch, tmp_path):
    write_files(tmp_path / "more", {"new.md": "# Something new"})
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("KNOW_EMBEDDING_RETRIES", "0")
    assert run("ingest", tmp_path / "more", "-d", "new", "--json").code == 5
    run("create-dataset", "new")
    assert run("ingest", tmp_path / "more", "-d", "new", "--json").code == 5
    (last, *_) = run("history", "new", "--json").json["runs"]
    assert last["error"]["code"] == "embedding-unavailable"
    assert last["outcome"] == "failed"
    assert last["files"]["failed"] == 0
    shown = run("status", "new", "--json").json["datasets"][0]["last_run"]
    assert shown == last


def test_a_locked_dataset_keeps_the_contract(run, library, data_dir):
    store = open_store(Settings.read())
    with store.open() as catalog:
        key = catalog.dataset("default").key
    with write_lock(store.folder.lock(key), "default", 1, print):
        for command in ("ingest", "delete-dataset", "compact", "reembed"):
            words = [str(library)] if command == "ingest" else ["default"]
            words += {"delete-dataset": ["--yes"]}.get(command, [])
            if command == "reembed":
                words += ["--embedding-model-provider", "static", "--force"]
            outcome = run(command, *words, "--lock-timeout", "0", "--json")
            assert outcome.code == 6, (command, outcome)
            assert outcome.json["error"]["code"] == "locked"
        for command in (["status"], ["history", "default"], ["list-files"], ["gc"], ["doctor"]):
            assert run(*command, "--json").code == 0
