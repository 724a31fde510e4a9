"""What ends a thread is a sentence on stderr, never a traceback."""

from __future__ import annotations

import gc

import pytest

from knowledge.retrieval.search.open_datasets import OpenDatasets


class DefectError(ValueError):
    """Something that nobody expected."""


@pytest.fixture
def failing_thread(monkeypatch):
    def fail(self, dataset):
        raise DefectError("https://bob:geheim@host/ is no index")

    monkeypatch.setattr(OpenDatasets, "_read_ahead", fail)


def test_a_thread_that_fails_is_told_in_a_sentence(run, library, failing_thread):
    told = run("retrieve", "signing key")
    assert told.code == 0
    assert "Traceback" not in told.err
    [line] = [line for line in told.err.splitlines() if "DefectError" in line]
    assert line.startswith("warning: unexpected DefectError beside the work: ")
    assert "--debug" in line
    assert "geheim" not in line


def test_with_debug_there_is_a_traceback(run, library, failing_thread):
    told = run("retrieve", "signing key", "--debug")
    assert told.code == 0
    assert "Traceback" in told.err
    assert "geheim" not in told.err


def test_a_destructor_that_fails_is_not_told(run, library, monkeypatch):
    class Odd:
        def __del__(self):
            raise DefectError("too late")

    def leave(self, dataset):
        Odd()
        gc.collect()

    monkeypatch.setattr(OpenDatasets, "_read_ahead", leave)
    told = run("retrieve", "signing key")
    assert (told.code, told.err) == (0, "")
