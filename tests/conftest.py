"""What all tests share: an isolated home, and two ways to run the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from knowledge.settings.reading import TABLE

ROOT = Path(__file__).resolve().parents[1]
OURS = ("KNOW_", "OPENAI_", "VS_")
COLOURS = ("NO_COLOR", "FORCE_COLOR", "PY_COLORS", "CLICOLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS")

for variable in COLOURS:  # typer looks at them once, when it is imported
    os.environ.pop(variable, None)


def pytest_configure(config):
    # Chroma 1.5.9 warns of embedding functions even where there is none.
    ignored = "ignore:legacy embedding function config:DeprecationWarning"
    config.addinivalue_line("filterwarnings", ignored)
    # A shell that starts the tests in the background has them, and all they start, ignore SIGINT.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Outcome:
    """How a run of the command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The object on stdout, checked against the schema it names."""
        content = json.loads(self.out)
        check_schema(content)
        return content


@cache
def validator_of(schema: str) -> Any:
    """Return the validator of a schema such as ``knowledge.error/1``."""
    from jsonschema import Draft202012Validator

    file = schema.removeprefix("knowledge.").replace("/", "-") + ".json"
    content = json.loads((ROOT / "docs" / "schemas" / file).read_text(encoding="utf-8"))
    return Draft202012Validator(content, format_checker=Draft202012Validator.FORMAT_CHECKER)


def check_schema(content: Mapping[str, Any]) -> None:
    """Fail when an object breaks the contract of the schema it names."""
    validator_of(content["schema"]).validate(content)


@pytest.fixture(autouse=True)
def isolation(monkeypatch, tmp_path):
    """Give each test a home, a data folder and a working directory of its own."""
    named = {variable for setting in TABLE for variable in setting.variables}
    for name in [name for name in os.environ if name.startswith(OURS) or name in named]:
        monkeypatch.delenv(name)
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(here)


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """The data folder of this test; it does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command line in this process: ``run("list-datasets", "--json")``.

    ``stdin`` is text or bytes; without it standard input is empty, and no terminal.
    """
    from knowledge.cli.render import terminal
    from knowledge.cli.run import main

    def call(*arguments: object, stdin: str | bytes = b"") -> Outcome:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        forget_consoles(terminal)  # they hold the streams of the test before
        capsys.readouterr()
        handler = signal.getsignal(signal.SIGTERM)
        try:
            code = main([os.fspath(argument) for argument in arguments])
        finally:
            signal.signal(signal.SIGTERM, handler)
            forget_consoles(terminal)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return call


def forget_consoles(terminal: Any) -> None:
    """Make the next run build its consoles on the streams it finds."""
    terminal.output_console.cache_clear()
    terminal.error_console.cache_clear()


@pytest.fixture
def run_process():
    """Run the command line in a process of its own: ``run_process("version", env={...})``.

    ``env`` is added to the environment; ``None`` takes a variable out.
    """

    def call(
        *arguments: object,
        stdin: str | bytes | None = None,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> Outcome:
        command = [sys.executable, "-m", "knowledge", *map(os.fspath, arguments)]
        done = subprocess.run(
            command,
            input=stdin.encode() if isinstance(stdin, str) else stdin or b"",
            env=environment(env),
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return this process's environment with changes; ``None`` takes a variable out."""
    merged = {**os.environ, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


CORPUS = {
    "keys.md": "# Signing keys\n\nRotate the signing key every 90 days.\n",
    "travel.md": "# Travel\n\nA night in a hotel may cost 140 euros.\n",
    "canteen.txt": "The canteen serves lunch from 11:15 to 13:00.\n",
    "notes/badges.md": "# Badges\n\nThe reception gives you a badge and a locker.\n",
    "notes/deep/firmware.txt": "A downgrade of the firmware below 4.7.0 is refused.\n",
}


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A small folder of Markdown and text, an hour old."""
    folder = tmp_path / "corpus"
    write_files(folder, CORPUS)
    return folder


@pytest.fixture(scope="session")
def ingested_once(tmp_path_factory) -> tuple[Path, Path]:
    """The small folder, and a data folder that holds it."""
    from knowledge import KnowledgeBase
    from knowledge.settings.reading import Settings

    home = tmp_path_factory.mktemp("library")
    write_files(home / "corpus", CORPUS)
    settings = Settings.read(environ={}, folder=home, data_dir=str(home / "data"))
    with KnowledgeBase(settings) as kb:
        kb.ingest(home / "corpus")
    return home / "corpus", home / "data"


@pytest.fixture
def library(ingested_once, data_dir) -> Path:
    """The small folder, ingested already; change the data folder, but not the files."""
    folder, data = ingested_once
    shutil.copytree(data, data_dir)
    return folder


@pytest.fixture(scope="session")
def postgres_server():
    """A Postgres server, shared by tests that leave it running."""
    from tests.postgres_server import running

    with running() as server:
        yield server


@pytest.fixture
def postgres(postgres_server, monkeypatch) -> str:
    """The address of a database, in which this test has a schema of its own; set for commands."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("KNOW_STORE", postgres_server.address)
    monkeypatch.setenv("KNOW_STORE_SCHEMA", schema)
    return postgres_server.address


@pytest.fixture
def postgres_store(postgres):
    """The store in a schema of this test's own."""
    from knowledge.settings.reading import Settings
    from knowledge.storage.opening import open_store

    store = open_store(Settings.read())
    yield store
    store.close()


@pytest.fixture(scope="session")
def documents() -> Path:
    """The sample documents."""
    return ROOT / "testdata" / "documents"


def write_files(folder: Path, files: Mapping[str, str | bytes], *, age: float = 3600.0) -> None:
    """Write files below a folder, ``age`` seconds old."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        make_old(path, age)


def make_old(path: Path, age: float = 3600.0) -> None:
    """Set a file's times back, so that its size and time prove that it is unchanged."""
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
