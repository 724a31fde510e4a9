"""What is read without the parser is read as the parser reads it."""

from __future__ import annotations

import contextlib
from importlib import import_module
from types import FunctionType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.cli.app import app, run_parsed
from knowledge.cli.command import Command
from knowledge.cli.options.flags import Flag, declared
from knowledge.cli.plain_lines import plain_call
from knowledge.cli.table import COMMANDS
from knowledge.errors import UsageError


def functions():
    for entry in COMMANDS:
        module, _, name = entry.target.partition(":")
        function = getattr(import_module(module), name)
        if isinstance(function, FunctionType):
            yield entry.name, function


FLAGS = {
    name: [
        spelling
        for parameter in Command(function).parameters
        if isinstance(said := declared(parameter.annotation)[1], Flag)
        for one in said.names
        for spelling in one.split("/")
    ]
    for name, function in functions()
}
VALUES = st.sampled_from(
    ["a", "b c", "3", "-1", "0.5", "nan", "1e9", "", "-", "--", "a=b", "x/y", "é", "-k", "-k=5"]
)


@st.composite
def lines(draw):
    """Command lines, most of them right."""
    name = draw(st.sampled_from(sorted(FLAGS)))
    flag = st.sampled_from([*FLAGS[name], "--unknown"])
    word = flag | VALUES | VALUES | st.builds("{}={}".format, flag, VALUES)
    pair = st.tuples(flag, VALUES)
    parts = draw(st.lists(st.one_of(st.tuples(word), pair), max_size=4))
    return [name, *(word for part in parts for word in part)]


@pytest.fixture(scope="module")
def calls():
    """What commands were run with, in place of running them."""
    seen = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Command, "run", lambda self, **values: seen.append((self.name, values)))
        yield seen


def told(call, calls):
    """Return what a call gives the command; ``None`` for an error."""
    calls.clear()
    with contextlib.suppress(UsageError):
        call()
    return calls[0] if calls else None


@given(line=lines())
def test_a_plain_line_is_read_as_the_parser_reads_it(calls, line):
    call = plain_call(line)
    if call is not None:
        assert told(call, calls) == told(lambda: run_parsed(line), calls)


@pytest.mark.parametrize(
    "line",
    [
        ["retrieve", "a question"],
        ["retrieve", "-k", "3", "--dataset", "a", "-d", "b", "--json", "a question", "--no-fold"],
        ["retrieve", "--top-k=3", "--", "-a question"],
        ["ingest", "a", "b", "--prune", "--concurrency", "2"],
        ["list-datasets", "--json"],
        ["delete-dataset", "a", "--yes"],
    ],
    ids=" ".join,
)
def test_usual_lines_need_no_parser(calls, line):
    call = plain_call(line)
    assert call is not None
    assert told(call, calls) == told(lambda: run_parsed(line), calls)


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["retrieve", "--help"],
        ["retrieve", "a", "b"],
        ["retrieve", "a", "-k", "x"],
        ["retrieve", "a", "-k", "1", "-k", "2"],
        ["retrieve", "a", "--json=yes"],
        ["ingest"],
        ["models", "list"],
        ["unknown"],
    ],
    ids=" ".join,
)
def test_the_parser_reads_all_others(line):
    assert plain_call(line) is None


def test_completion_is_the_parsers(monkeypatch):
    monkeypatch.setenv("_KNOWLEDGE_COMPLETE", "complete_bash")
    assert plain_call(["retrieve", "a"]) is None
    assert app.info.name == "knowledge"
