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
    assert len(BLOCKS) == 9


def test_every_public_method_is_on_the_page():
    internal = {"run_ingest", "run_query", "run_watch", "ask_query", "folder_dataset"}
    internal |= {"folder_source"}
    for name, _ in inspect.getmembers(KnowledgeBase, callable):
        if not name.startswith("_") and name not in internal:
            assert f"{name}(" in PAGE, name


INGEST = 'paths, dataset="default", *, create=True, progress=None, **options'
RETRIEVE = "query, datasets=None, top_k=None, **options"


@pytest.mark.parametrize(
    ("method", "wanted"), [(KnowledgeBase.ingest, INGEST), (KnowledgeBase.retrieve, RETRIEVE)]
)
def test_signatures_are_those_of_the_code(method, wanted):
    assert f"{method.__name__}({wanted})" in " ".join(PAGE.split())
    given = [
        str(parameter.replace(annotation=inspect.Parameter.empty)).replace("'", '"')
        for parameter in list(inspect.signature(method).parameters.values())[1:]
    ]
    assert ", ".join(given) == wanted.replace("*, ", "")
