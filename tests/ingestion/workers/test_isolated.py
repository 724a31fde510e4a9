"""A call in a process of its own costs the call, and nothing else."""

from __future__ import annotations

import os
import time

import pytest

from knowledge.errors import DocumentError
from knowledge.ingestion.workers.isolated import call_isolated


def test_it_returns_what_the_function_returns():
    assert call_isolated(divmod, (7, 2), seconds=20) == (3, 1)


def test_it_has_no_secrets(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert call_isolated(os.getenv, ("OPENAI_API_KEY",), seconds=20) is None


def test_a_crash_is_an_error():
    with pytest.raises(DocumentError, match="crashed"):
        call_isolated(os._exit, (3,), seconds=20)


def test_what_takes_too_long_is_ended():
    started = time.monotonic()
    with pytest.raises(DocumentError, match=r"longer than 0\.3 seconds"):
        call_isolated(time.sleep, (60,), seconds=0.3)
    assert time.monotonic() - started < 30


def test_what_it_raises_is_an_error():
    with pytest.raises(DocumentError, match="ValueError"):
        call_isolated(int, ("x",), seconds=20)
