from __future__ import annotations

import platform
from importlib.metadata import version

import pytest


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_one_line(run, arguments):
    outcome = run(*arguments)
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        f"knowledge {version('knowledge')}\n",
        "",
    )


def test_more_lines_with_verbose(run):
    lines = run("version", "--verbose").out.splitlines()
    assert lines[0] == f"knowledge {version('knowledge')}"
    assert f"chromadb {version('chromadb')}" in lines


def test_json(run):
    content = run("version", "--json").json
    assert content["version"] == version("knowledge")
    assert content["python"] == platform.python_version()
    assert content["dependencies"]["chromadb"] == version("chromadb")


def test_the_package_knows_its_version():
    import knowledge

    assert knowledge.__version__ == version("knowledge")
