"""Every command explains itself."""

from __future__ import annotations

import shlex
from importlib import import_module

import pytest
import typer

from knowledge.cli.table import COMMANDS as TABLE
from tests.cli.written_files import plain

COMMANDS = sorted(entry.name for entry in TABLE)


def command_lines():
    """Yield what a person types for each command: one word, or two for those of a group."""
    for entry in TABLE:
        module, _, name = entry.target.partition(":")
        target = getattr(import_module(module), name)
        if isinstance(target, typer.Typer):
            yield from (f"{entry.name} {command.name}" for command in target.registered_commands)
        else:
            yield entry.name


LINES = sorted(command_lines())


def test_the_commands_are_these():
    documents = {"ingest", "watch", "retrieve", "similar", "show", "ask", "askdir", "eval", "load"}
    documents.add("open")
    verbs = ("create", "get", "edit", "rename", "copy", "delete")
    datasets = {f"{verb}-dataset" for verb in verbs} | {"list-datasets", "merge-datasets"}
    files = {"list-files", "list-chunks", "get-file", "edit-file", "delete-file"}
    sharing = {"export", "import"}
    setup = {"config", "trust", "version"}
    upkeep = {"status", "store", "history", "doctor", "compact", "gc", "reset"}
    flows = {"flows list", "flows show", "flows validate"}
    serving = {"serve", "mcp"}
    embedding = {"models list", "models test", "embed", "reembed", "cache stats", "cache clear"}
    of_data = documents | datasets | files | sharing | upkeep
    assert set(LINES) == of_data | flows | serving | embedding | setup


@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_an_example(run, command, flag):
    outcome = run(*command.split(), flag)
    assert outcome.code == 0
    assert outcome.err == ""
    text = plain(outcome.out)
    assert f"Example:  knowledge {command}" in text
    for common in ("--json", "--quiet", "--verbose", "--debug", "--data-dir"):
        assert common in text


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_the_program_lists_all_commands(run, arguments):
    outcome = run(*arguments)
    assert outcome.code == 0
    text = plain(outcome.out)
    assert "Example:" in text
    for command in COMMANDS:
        assert f" {command} " in text


def test_panels_stand_together_and_in_order():
    panels = [entry.panel for entry in TABLE]
    together = list(dict.fromkeys(panels))
    assert panels == sorted(panels, key=together.index)
    assert together[:2] == ["Documents", "Questions"]
    assert together[-2:] == ["Setup", "Upkeep"]


@pytest.mark.parametrize("command", ["retrieve", "models", "models list", ""])
def test_flags_take_no_value_in_the_help(run, command):
    assert "<bool>" not in plain(run(*command.split(), "--help").out)


@pytest.mark.parametrize("command", LINES)
def test_help_keeps_its_sentences_whole(run, command, monkeypatch):
    """A sentence that the source wraps is not broken there once more."""
    monkeypatch.setenv("COLUMNS", "200")
    lines = plain(run(*command.split(), "--help").out).splitlines()
    end = next(number for number, line in enumerate(lines) if "╭" in line)
    for line in lines[:end]:
        text = line.strip()
        assert not text or text.endswith((".", "]", "...")) or ":" in text, text


@pytest.mark.slow
def test_examples_are_valid(run, corpus, monkeypatch):
    """Each example's flags exist: it gets past the parsing of arguments."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("knowledge.server.serving.serve", lambda *_, **__: None)  # has no end
    for command in LINES:
        text = plain(run(*command.split(), "--help").out)
        line = next(line for line in text.splitlines() if "Example:" in line)
        arguments = shlex.split(line.partition("Example:")[2])[1:]
        if command == "serve":
            arguments += ["--host", "nowhere.invalid"]  # it would go on for ever
        outcome = run(*arguments, "--json")
        assert outcome.code in (0, 2, 3)
        if outcome.code == 2 and outcome.json["error"]["code"] != "no-chat-model":
            assert "No such" not in outcome.json["error"]["message"]
            told = outcome.json["error"]["message"]
            assert any(one in told for one in ("is not a folder", "needs --yes", "cannot listen"))


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_the_table_says_what_the_docstring_says(entry):
    module, _, name = entry.target.partition(":")
    target = getattr(import_module(module), name)
    told = target.info.help if isinstance(target, typer.Typer) else target.__doc__
    assert entry.help == " ".join(told.partition("\n\n")[0].split())


def test_values_are_checked(run):
    for arguments, message in (
        (("retrieve", "-k", "x", "q"), "'x' is not a valid integer"),
        (("ingest", "p", "--concurrency", "1.5"), "'1.5' is not a valid integer"),
        (("ingest", "p", "--lock-timeout", "soon"), "'soon' is not a valid number"),
    ):
        outcome = run(*arguments, "--json")
        assert outcome.code == 2
        assert message in outcome.json["error"]["message"]
        assert arguments[0] in outcome.json["error"]["hint"]
