"""Every command's ``--json`` keeps the contract that it names; the ``run`` fixture checks it."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress

import pytest

from knowledge import KnowledgeBase
from knowledge.cli.last_hits import remember
from knowledge.errors import KnowledgeError
from knowledge.settings.reading import Settings
from tests.cli.test_help import LINES
from tests.conftest import CORPUS, write_files

RUNS = {
    "ingest": ("ingest", [["{corpus}"], ["{corpus}", "--dry-run"], ["-", "--name", "a.md"]]),
    "watch": ("watch", [["{corpus}", "--once"]]),
    "retrieve": (
        "retrieve",
        [["key"], ["key", "-w", "nothing"], ["key", "-d", "empty"], ["key", "--facets", "a"]],
    ),
    "similar": ("retrieve", [["{corpus}/keys.md"], ["{corpus}/keys.md", "-w", "nothing"]]),
    "list-chunks": ("chunks", [[], ["-w", "nothing"], ["--sort", "-size", "-n", "1"]]),
    "show": ("chunk", [["{chunk}"]]),
    "open": ("open", [["1"]]),
    "askdir": ("retrieve", [["key", "-p", "{corpus}"]]),
    "load": ("load", [["{corpus}/keys.md"], ["-", "{out}/out.md", "--format", "markdown"]]),
    "list-datasets": ("datasets", [[]]),
    "create-dataset": ("dataset", [["new"], ["newer", "--metadata", "a=1"]]),
    "get-dataset": ("dataset", [["default"], ["default", "--no-docs"], ["empty"]]),
    "edit-dataset": ("dataset", [["default", "--update-metadata", "a=1"]]),
    "rename-dataset": ("dataset", [["default", "renamed"]]),
    "copy-dataset": ("dataset", [["default", "copy"]]),
    "merge-datasets": ("dataset", [["default", "--into", "merged"]]),
    "export": ("export", [["default", "-o", "{out}/out.zip"]]),
    "import": ("import", [["{archive}", "--as", "imported"]]),
    "delete-dataset": ("dataset", [["default", "--yes"], ["empty", "--yes"]]),
    "list-files": ("files", [[], ["-d", "empty"]]),
    "get-file": ("file", [["{corpus}/keys.md"], ["{corpus}/keys.md", "--text"]]),
    "edit-file": ("file", [["{corpus}/keys.md", "--update-metadata", "a=1"]]),
    "delete-file": ("file", [["{corpus}/keys.md"]]),
    "models list": ("models", [[]]),
    "models test": ("probe", [["static"]]),
    "flows list": ("flows", [[], ["--flows-file", "blueprint:context"]]),
    "flows show": ("flow", [["--flows-file", "blueprint:context"]]),
    "flows validate": ("validation", [["blueprint:otto"]]),
    "embed": ("embed", [["a", "b"], ["a", "--query"]]),
    "reembed": ("reembed", [["default", "--embedding-model-provider", "static"]]),
    "cache stats": ("cache", [[]]),
    "cache clear": ("cache", [["--yes"]]),
    "status": ("status", [[], ["default"]]),
    "store": ("store", [[]]),
    "history": ("history", [["default"]]),
    "doctor": ("doctor", [["--offline"], ["default", "--offline"]]),
    "compact": ("compact", [["default"], []]),
    "gc": ("gc", [["--dry-run"], []]),
    "reset": ("reset", [["--yes"]]),
    "config": ("config", [[]]),
    "trust": ("trust", [["."], ["--remove"], ["--list"]]),
    "version": ("version", [[], ["--verbose"]]),
}


def test_all_commands_are_here():
    # These need a chat model, a file of questions, a client's configuration, a port.
    elsewhere = ["ask", "eval", "mcp", "serve"]
    assert sorted([*RUNS, *elsewhere]) == LINES


def filled_in(arguments, corpus, archive, out):
    """Return arguments with the paths and the chunk's id that they ask for."""
    chunk = ""
    if arguments == ["1"]:
        with suppress(KnowledgeError), KnowledgeBase.open() as kb:  # it may be damaged on purpose
            remember(kb.retrieve("key").hits)
    if "{chunk}" in arguments:
        with KnowledgeBase.open() as kb:
            chunk = kb.files.get(str(corpus / "keys.md"))[1][0].id
    return [one.format(corpus=corpus, archive=archive, chunk=chunk, out=out) for one in arguments]


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory):
    home = tmp_path_factory.mktemp("filled")
    odd = {"empty.md": "", "program.bin": bytes(range(256)) * 9}
    write_files(home / "corpus", {**CORPUS, **odd})
    settings = Settings.read(environ={}, folder=home, data_dir=str(home / "data"))
    with KnowledgeBase(settings) as kb:
        kb.ingest(home / "corpus", metadata={"team": "support", "n": 1.5, "b": True})
        kb.datasets.create("empty")
    return home


@pytest.fixture
def filled(filled_once, data_dir):
    """A folder of which a dataset has metadata of all kinds, and problems; and an empty dataset."""
    shutil.copytree(filled_once / "data", data_dir)
    return filled_once / "corpus"


@pytest.mark.parametrize("command", RUNS)
def test_the_object_keeps_its_contract(run, filled, exported, tmp_path, command):
    schema, variants = RUNS[command]
    for arguments in variants:
        given = filled_in(arguments, filled, exported, tmp_path)
        outcome = run(*command.split(), *given, "--json", stdin="# A text\n\nof its own")
        assert outcome.code == 0, outcome.out
        assert outcome.json["schema"] == f"knowledge.{schema}/1"
        assert outcome.out.count("\n") == 1


@pytest.mark.parametrize("command", RUNS)
def test_the_flag_may_stand_anywhere(run, library, exported, tmp_path, command):
    schema, variants = RUNS[command]
    given = filled_in(variants[0], library, exported, tmp_path)
    assert run(*command.split(), "--json", *given).json["schema"] == f"knowledge.{schema}/1"


@pytest.mark.parametrize("command", RUNS)
def test_an_error_keeps_its_contract_and_stands_alone(run, command):
    outcome = run(*command.split(), "--no-such-flag", "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"
    assert "--no-such-flag" in outcome.json["error"]["message"]
    assert outcome.err == ""


@pytest.mark.parametrize("command", RUNS)
def test_quiet_and_json_go_together(run, library, exported, tmp_path, command):
    given = filled_in(RUNS[command][1][0], library, exported, tmp_path)
    outcome = run(*command.split(), *given, "--json", "--quiet")
    assert outcome.json["schema"].startswith("knowledge.")
    assert outcome.err == ""


def test_every_kind_of_problem_keeps_the_contract(run, corpus, monkeypatch):
    write_files(
        corpus,
        {
            "empty.md": "",
            "program.bin": bytes(range(256)) * 9,
            "large.txt": "word " * 300_000,
        },
    )
    (corpus / "loop").symlink_to(corpus)
    monkeypatch.setenv("KNOW_MAX_FILE_SIZE", "1")
    report = run("ingest", corpus, "--json").json
    assert {p["status"] for p in report["problems"]} == {"empty", "unsupported", "failed", "notice"}
    assert [p["file"] for p in report["problems"]] == sorted(p["file"] for p in report["problems"])


def test_text_is_utf_8_and_not_escaped(run, tmp_path):
    write_files(tmp_path, {"docs/grüße.txt": "Grüße aus München, 你好 😀"})
    run("ingest", tmp_path / "docs")
    out = run("retrieve", "Grüße", "--json").out
    assert "Grüße aus München, 你好 😀" in out
    assert "grüße.txt" in out


@pytest.mark.slow
def test_every_text_can_be_printed_whatever_the_encoding(run_process, tmp_path):
    write_files(tmp_path, {"docs/grüße.txt": "Grüße aus München"})
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert run_process("ingest", tmp_path / "docs", env=ascii_only).code == 0
    for flags in ([], ["--json"]):
        outcome = run_process("retrieve", "aus", *flags, env=ascii_only)
        assert outcome.code == 0, outcome.err
        assert "Traceback" not in outcome.err
    content = json.loads(outcome.out)
    assert content["hits"][0]["text"].strip() == "Grüße aus München"
