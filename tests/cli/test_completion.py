"""What the shell offers at the Tab key, how it is installed, and that it costs little."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module

import pytest
import typer

from knowledge import KnowledgeBase
from knowledge.cli.completion import (
    DATASET_ARGUMENTS,
    DATASET_FLAGS,
    PROVIDER_FLAGS,
    VARIABLE,
    WORDS,
)
from knowledge.cli.run import main
from knowledge.cli.table import COMMANDS
from knowledge.storage.local.catalog.names import dataset_names
from tests.cli.test_startup import HEAVY
from tests.conftest import environment

TABLE = sorted(entry.name for entry in COMMANDS)


@pytest.fixture
def datasets(data_dir):
    with KnowledgeBase.open(data_dir) as kb:
        for name in ("alpha", "beta", "my docs"):
            kb.datasets.create(name)


@pytest.fixture
def offered(capsys, monkeypatch):
    """Return what is offered for the last word of a line; the line is as in bash."""

    def call(line, shell="bash"):
        monkeypatch.setenv(VARIABLE, f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", f"knowledge {line}".replace(" ", "\n"))
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ") + 1))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"knowledge {line}")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        capsys.readouterr()
        with pytest.raises(SystemExit, match="0"):
            main([])
        out, err = capsys.readouterr()
        assert err == ""
        return [value for value in out.splitlines() if value]

    return call


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("get-dataset ", ["alpha", "beta", "my\\ docs"]),
        ("get-dataset b", ["beta"]),
        ("get-dataset c", []),
        ("retrieve key -d a", ["alpha"]),
        ("retrieve key -d alpha -d b", ["beta"]),
        ("retrieve key --dataset=b", ["beta"]),
        ("ingest docs -d my", ["my\\ docs"]),
        ("merge-datasets alpha b", ["beta"]),
        ("export alpha b", ["beta"]),
        ("watch docs --dataset ", ["alpha", "beta", "my\\ docs"]),
        ("reembed b", ["beta"]),
        ("create-dataset ", []),
        ("retrieve key --mode h", ["hybrid"]),
        ("retrieve key --fusion ", ["weighted", "rrf"]),
        ("ingest docs --ocr ", ["off", "auto", "always"]),
        ("ingest docs --html m", ["main"]),
        ("ingest docs --embedding-model-provider oll", ["ollama"]),
        ("models test sta", ["static"]),
        ("models t", ["test"]),
        ("create", ["create-dataset"]),
        ("retrieve key --thr", ["--threshold"]),
        ("ingest doc", []),  # files are the shell's
        ("ingest docs --ignore-file li", []),
        ("export alpha --output o", []),
    ],
)
def test_offers(offered, datasets, line, expected):
    assert offered(line) == expected


def test_profiles_are_offered(offered, tmp_path):
    config = "embeddings:\n  providers:\n    - name: tiny\n      type: static\n"
    (tmp_path / "here" / "knowledge.yaml").write_text(config)
    assert offered("ingest docs --embedding-model-provider ti") == ["tiny"]


def test_the_data_folder_of_the_line_counts(offered, datasets, data_dir, tmp_path):
    with KnowledgeBase.open(tmp_path / "another") as kb:
        kb.datasets.create("elsewhere")
    assert offered(f"get-dataset --data-dir {tmp_path / 'another'} ") == ["elsewhere"]
    assert offered("get-dataset --data-dir /nowhere a") == []


def test_fish_gets_names_as_they_are(offered, datasets):
    assert offered("get-dataset ", shell="fish") == ["alpha", "beta", "my docs"]


def test_trouble_offers_nothing(offered, datasets, data_dir, tmp_path):
    (tmp_path / "here" / "knowledge.yaml").write_text("- no settings")
    assert offered("get-dataset ") == []
    (tmp_path / "here" / "knowledge.yaml").unlink()
    (data_dir / "catalog.db").write_bytes(b"no database")
    assert offered("get-dataset ") == []


def test_names_of_hidden_datasets_are_not_shown(datasets, data_dir):
    with KnowledgeBase.open(data_dir) as kb, kb._shared.catalog() as catalog:
        catalog.connection.execute("UPDATE datasets SET name = char(1) || 'x' WHERE name = 'beta'")
    assert dataset_names(data_dir / "catalog.db") == ["alpha", "my docs"]
    assert dataset_names(data_dir / "nothing.db") == []


def parameters():
    """Yield (command, parameter) of each command of the table."""
    for entry in COMMANDS:
        module, _, name = entry.target.partition(":")
        target = getattr(import_module(module), name)
        app = target
        if not isinstance(target, typer.Typer):
            from knowledge.cli.lazy import LazyCommand

            command = LazyCommand(entry).real
            yield from ((entry.name, parameter) for parameter in command.params)
            continue
        for name, command in typer.main.get_command(app).commands.items():
            yield from ((f"{entry.name} {name}", parameter) for parameter in command.params)


def test_what_is_completed_exists():
    """A flag or a placeholder that is renamed does not lose its completion in silence."""
    flags = {flag for _, parameter in parameters() for flag in parameter.opts}
    assert flags >= {*WORDS, *DATASET_FLAGS, *PROVIDER_FLAGS}
    places = {(parameter.metavar or "").strip("[]") for _, parameter in parameters()}
    assert places >= {*DATASET_ARGUMENTS, "PROVIDER:MODEL"}


@pytest.mark.parametrize(("flag", "words"), WORDS.items(), ids=list(WORDS))
def test_each_word_is_accepted(run, library, flag, words):
    for word in words:
        if flag in ("--mode", "--fusion"):
            assert run("retrieve", "key", flag, word, "-q").code == 0
        else:
            assert run("ingest", library, flag, word, "--dry-run", "-q").code == 0


PROGRAM = """
import json, sys
from knowledge.cli.run import main
try:
    main([])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("line", ["get-dataset\na", "retrieve\nkey\n-d\na", "ingest\n--in"])
def test_a_completion_loads_nothing_heavy(datasets, line):
    asked = {
        VARIABLE: "complete_bash",
        "COMP_WORDS": f"knowledge\n{line}",
        "COMP_CWORD": str(line.count("\n") + 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert not loaded & (HEAVY | {"rich", "pydantic", "yaml", "httpx", "watchfiles", "urllib3"})


def test_help_loads_no_parser_of_markdown():
    program = PROGRAM.replace("main([])", "main(['retrieve', '--help'])")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert "Usage: knowledge retrieve" in done.stdout
    assert not loaded & (HEAVY | {"markdown_it", "pygments"})


def test_the_real_markdown_is_there_for_others():
    program = (
        "from knowledge.cli.quick_help import load_help_pages; load_help_pages(); "
        "from rich.markdown import Markdown; from rich.traceback import Traceback; "
        "print(Markdown('a').markup, Traceback.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["a", "rich.traceback"]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_after_installation(datasets, tmp_path):
    wrapper = tmp_path / "knowledge"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m knowledge "$@"\n')
    wrapper.chmod(0o755)
    script = """
        knowledge --install-completion || exit 1
        source ~/.bashrc
        COMP_WORDS=(knowledge get-dataset my) COMP_CWORD=2
        _knowledge_completion knowledge
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env=environment({"PATH": path, "SHELL": "/bin/bash"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "my\\ docs"
