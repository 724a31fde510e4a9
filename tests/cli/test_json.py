"""Every command's ``--json`` keeps the contract that it names; the ``run`` fixture checks it."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_help import COMMANDS
from tests.conftest import write_files

RUNS = {
    "ingest": ("ingest", [["{corpus}"], ["{corpus}", "--dry-run"], ["-", "--name", "a.md"]]),
    "retrieve": ("retrieve", [["key"], ["key", "-w", "nothing"], ["key", "-d", "empty"]]),
    "askdir": ("retrieve", [["key", "-p", "{corpus}"]]),
    "list-datasets": ("datasets", [[]]),
    "create-dataset": ("dataset", [["new"], ["newer", "--metadata", "a=1"]]),
    "get-dataset": ("dataset", [["default"], ["default", "--no-docs"], ["empty"]]),
    "edit-dataset": ("dataset", [["default", "--update-metadata", "a=1"]]),
    "delete-dataset": ("dataset", [["default", "--yes"], ["empty", "--yes"]]),
    "list-files": ("files", [[], ["-d", "empty"]]),
    "get-file": ("file", [["{corpus}/keys.md"], ["{corpus}/keys.md", "--text"]]),
    "delete-file": ("file", [["{corpus}/keys.md"]]),
    "config": ("config", [[]]),
    "trust": ("trust", [[], ["--remove"]]),
    "version": ("version", [[], ["--verbose"]]),
}


def test_all_commands_are_here():
    assert sorted(RUNS) == COMMANDS


@pytest.fixture
def filled(run, corpus):
    write_files(corpus, {"empty.md": "", "program.bin": bytes(range(256)) * 9})
    run(
        "ingest",
        corpus,
        "--metadata",
        "team=support",
        "--metadata",
        "n=1.5",
        "--metadata",
        "b=true",
    )
    run("create-dataset", "empty")


@pytest.mark.parametrize("command", RUNS)
def test_the_object_keeps_its_contract(run, filled, corpus, command):
    schema, variants = RUNS[command]
    for arguments in variants:
        given = [argument.format(corpus=corpus) for argument in arguments]
        outcome = run(command, *given, "--json", stdin="# A text\n\nof its own")
        assert outcome.code == 0, outcome.out
        assert outcome.json["schema"] == f"knowledge.{schema}/1"
        assert outcome.out.count("\n") == 1


@pytest.mark.parametrize("command", RUNS)
def test_the_flag_may_stand_anywhere(run, library, command):
    schema, variants = RUNS[command]
    given = [argument.format(corpus=library) for argument in variants[0]]
    assert run(command, "--json", *given).json["schema"] == f"knowledge.{schema}/1"


@pytest.mark.parametrize("command", RUNS)
def test_an_error_keeps_its_contract_and_stands_alone(run, command):
    outcome = run(command, "--no-such-flag", "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"
    assert "--no-such-flag" in outcome.json["error"]["message"]
    assert outcome.err == ""


@pytest.mark.parametrize("command", RUNS)
def test_quiet_and_json_go_together(run, library, command):
    given = [argument.format(corpus=library) for argument in RUNS[command][1][0]]
    outcome = run(command, *given, "--json", "--quiet")
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
