"""docs/exit-codes.md lists every error and every exit code."""

from __future__ import annotations

import inspect
import re

import pytest

from knowledge import errors
from knowledge.cli import run
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
CODES = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.KnowledgeError)
]


def codes_of(kind):
    """Return the codes of an error: one of a model's has another where a chat model failed."""
    return {kind.code, getattr(kind, "chat_code", kind.code)}


CODES_OF_ERRORS = set().union(*map(codes_of, CLASSES))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_on_the_page(kind):
    named = {(code, str(kind.exit_code)) for code in codes_of(kind)}
    assert named <= {row[:2] for row in ROWS}
    assert kind.__name__ in {row[2] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_error_on_the_page_exists(row):
    assert row[2] in {kind.__name__ for kind in CLASSES}


def test_no_code_is_used_twice():
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)
    assert {row[0] for row in ROWS} == CODES_OF_ERRORS
    assert len(ROWS) == len(CODES_OF_ERRORS)


def test_codes_are_kebab_case():
    for code in CODES_OF_ERRORS:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)


def test_every_exit_code_is_on_the_page():
    of_errors = {kind.exit_code for kind in CLASSES}
    assert {0, run.INTERRUPTED, run.TERMINATED, run.BROKEN_PIPE} | of_errors == CODES


def test_a_subclass_keeps_the_exit_code_of_its_family():
    for kind in CLASSES:
        parent = kind.__base__
        if parent is not errors.KnowledgeError and kind is not errors.KnowledgeError:
            assert kind.exit_code == parent.exit_code


def test_the_tree_in_the_module_is_complete():
    tree = dict(re.findall(r"(\w+Error) +(?:exit code )?(\d)\b", errors.__doc__ or ""))
    assert tree == {kind.__name__: str(kind.exit_code) for kind in CLASSES}
