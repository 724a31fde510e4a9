"""The examples of docs/python.md run as they are written."""

from __future__ import annotations

import inspect
import re

import pytest

from knowledge import KnowledgeBase
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_run(capsys, tmp_path, data_dir):
    """In one session, from top to bottom; the isolation fixture gives folder and data folder."""
    names = {"__name__": "example"}
    for number, block in enumerate(BLOCKS, 1):
        file = tmp_path / f"block{number}.py"  # for the lines of a traceback
        file.write_text(block, encoding="utf-8")
        exec(compile(block, file, "exec"), names)
    out = capsys.readouterr().out
    assert "2 files, 2 chunks" in out
    assert "['leave.md']" in out
    assert "Rotate the signing key every 90 days." in out
    assert "empty " in out
    assert "dataset-not-found there is no dataset 'nowhere'" in out
    assert data_dir.is_dir()


def test_there_are_examples():
    assert len(BLOCKS) == 10


GROUPS = ("datasets", "files", "models", "sharing", "upkeep", "flows")


def test_every_public_method_is_on_the_page():
    for name, _ in inspect.getmembers(KnowledgeBase, callable):
        if not name.startswith("_"):
            assert f"{name}(" in PAGE, name
    with KnowledgeBase.open() as kb:
        for group in GROUPS:
            for name in dir(getattr(kb, group)):
                assert name.startswith("_") or f"kb.{group}.{name}" in PAGE, (group, name)


VERBS = ("ingest", "retrieve", "similar", "ask", "watch", "evaluate", "embed", "reembed", "load")


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_of_a_verb_is_on_the_page(verb):
    for name in list(inspect.signature(getattr(KnowledgeBase, verb)).parameters)[1:]:
        assert name in PAGE, name
