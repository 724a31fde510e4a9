"""What is asked for often starts fast: heavy libraries are loaded where they are used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import environment

HEAVY = {
    "chromadb",
    "openai",
    "numpy",
    "kreuzberg",
    "tiktoken",
    "pydantic",
    "pypdf",
    "docx",
    "wordllama",
    "pebble",
}
PROGRAM = """
import json, sys
from knowledge.cli.run import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["ingest", "--help"],
        ["list-datasets"],
        ["list-datasets", "--json"],
        ["config"],
        ["version"],
        ["create-dataset", "a"],
    ],
    ids=" ".join,
)
def test_heavy_libraries_are_not_loaded(arguments):
    assert not HEAVY & loaded(*arguments)


def test_reading_the_catalog_loads_none_either(library):
    for arguments in (
        ["list-datasets"],
        ["get-dataset", "default"],
        ["list-files"],
        ["get-file", str(library / "keys.md"), "--text"],
    ):
        assert not HEAVY & loaded(*arguments)


PARSER = {"typer", "click", "rich"}
"""What reads a command line that is not plain, and colours what a terminal shows."""


def test_a_question_to_the_offline_model_loads_what_it_needs_alone(library):
    unused = (HEAVY | PARSER | {"httpx", "logging", "concurrent", "asyncio"}) - {"numpy"}
    assert not unused & loaded("retrieve", "key")


@pytest.mark.parametrize("command", ["list-datasets", "list-files", "status", "config"])
def test_a_plain_command_line_loads_no_parser(library, command):
    assert not PARSER & loaded(command, "--json")


def test_an_ingest_that_finds_nothing_new_loads_none_either(library):
    loaded("ingest", str(library))  # whatever the fixture left to do
    assert not (HEAVY | {"httpx"}) & loaded("ingest", str(library))


def test_importing_the_package_loads_nothing():
    program = "import sys; import knowledge; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    ours = {name for name in done.stdout.split() if name.startswith("knowledge")}
    assert ours == {"knowledge"}


def test_every_public_name_exists():
    import knowledge

    assert knowledge.__all__ == sorted(knowledge.__all__)
    for name in knowledge.__all__:
        assert getattr(knowledge, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = knowledge.nonsense
