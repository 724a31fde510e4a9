"""``knowledge watch`` as a process and its output."""

from __future__ import annotations

import json
import os
import signal

import pytest

from knowledge import KnowledgeBase
from knowledge.cli.commands.documents.watch import seconds_of
from knowledge.errors import UsageError
from tests.conftest import check_schema

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def test_once_brings_a_dataset_in_step(run, corpus):
    outcome = run("watch", corpus, "--once")
    assert outcome.code == 0
    assert "default: 5 ingested; chunks: 5 added; 5 texts embedded" in outcome.out
    (corpus / "keys.md").unlink()
    outcome = run("watch", corpus, "--once", "--json")
    assert outcome.json["event"] == "burst"
    assert outcome.json["report"]["files"]["removed"] == 1
    assert outcome.json["report"]["files"]["unchanged"] == 4
    assert run("watch", corpus, "--once", "--quiet").out == ""


def test_once_says_what_failed(run, corpus):
    (corpus / "broken.pdf").write_bytes(b"%PDF-1.4 cut")
    outcome = run("watch", corpus, "--once", "-q")
    assert outcome.code == 4
    assert "broken.pdf" in outcome.err


def test_options_of_ingest_are_heeded(run, corpus, data_dir):
    arguments = ["--exclude", "*.txt", "--no-recursive", "--metadata", "team=desk"]
    outcome = run("watch", corpus, "-d", "some", "--once", "--json", *arguments)
    assert outcome.json["dataset"] == "some"
    assert outcome.json["report"]["files"]["ingested"] == 2
    with KnowledgeBase.open(data_dir) as kb:
        assert [file.given for file in kb.files.list("some")] == [{"team": "desk"}] * 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 3, "nowhere does not exist"),
        (["-"], 2, "standard input"),
        ([""], 2, "standard input"),
        ([".", "--once", "--every", "1m"], 2, "exclude each other"),
        ([".", "--every", "soon"], 2, "not 'soon'"),
        ([".", "--once", "--no-create-dataset"], 3, "no dataset"),
    ],
)
def test_what_can_not_be_watched_is_said(run, arguments, code, message):
    outcome = run("watch", *arguments, "--json")
    assert outcome.code == code
    assert message in outcome.json["error"]["message"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("10m", 600), ("1.5h", 5400), (" 2 D ", 172_800)]
)
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0.5s", "m", "10 minutes", "-5m"])
def test_no_times(text):
    with pytest.raises(UsageError):
        seconds_of(text)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
@pytest.mark.parametrize("number", CODES)
def test_signals_end_it(start_process, corpus, data_dir, number):
    process = start_process("watch", corpus, "--json")
    events = (json.loads(line) for line in process.stdout)
    assert [next(events)["event"], next(events)["event"]] == ["burst", "ready"]
    (corpus / "keys.md").write_text("The cabinet is green.\n")
    event = next(events)
    check_schema(event)
    assert event["report"]["files"]["ingested"] == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == CODES[number], err
    assert out == ""
    assert "Traceback" not in err
    with KnowledgeBase.open(data_dir, lock_timeout=0) as kb:  # nothing is left behind
        assert kb.ingest(corpus).files["unchanged"] == 5


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_a_person_is_told_each_burst_in_a_line(start_process, corpus, tmp_path):
    process = start_process("watch", corpus)
    assert "5 ingested" in process.stdout.readline()
    (corpus / "keys.md").unlink()
    line = process.stdout.readline()
    assert "1 removed; chunks: 0 added, 1 removed" in line
    corpus.rename(tmp_path / "elsewhere")
    told = []
    while not told or "is gone" not in told[-1]:
        told.append(process.stderr.readline())
    assert "what the dataset holds of it stays" in told[-1]
    process.terminate()
    assert process.wait(60) == 143
