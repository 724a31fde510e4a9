"""A server whose answers do not end, or are no records: a sentence, and in bounds."""

from __future__ import annotations

import json

import pytest

from knowledge.client import connection
from tests import hostile_server as hostile
from tests.cli.test_terminal_safety import EVIL_LINES, assert_clean, assert_lines

LIMIT = 256 << 10
EVENTS = "text/event-stream"


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch):
    monkeypatch.setattr(connection, "MOST_BYTES", LIMIT)


def refused(run, server, *command):
    outcome = run(*command, "--server", server.url, "--json")
    assert outcome.code == 5, outcome
    assert outcome.json["error"]["code"] == "server-failed"
    return outcome.json["error"]["message"]


@pytest.mark.parametrize("behaviour", [hostile.endless, hostile.gzip_bomb])
def test_an_answer_is_bounded_in_bytes(run, behaviour):
    with hostile.HostileServer(behaviour) as server:
        assert "larger than 262,144 bytes" in refused(run, server, "list-datasets")
    assert server.sent < 60 * LIMIT  # sockets hold some of it


@pytest.mark.parametrize("behaviour", [hostile.dripping, hostile.silent])
def test_an_answer_is_bounded_in_time_as_a_whole(run, monkeypatch, behaviour):
    monkeypatch.setattr(connection, "READ_SECONDS", 0.3)
    with hostile.HostileServer(behaviour) as server:
        assert "cannot be reached" in refused(run, server, "list-datasets")


def sent(content, content_type="application/json"):
    def behaviour(handler):
        handler.begin(content_type)
        handler.send(content if isinstance(content, bytes) else content.encode())

    return behaviour


RECORDS = ["{}", '{"datasets": 5}', '{"datasets": [7]}', '{"datasets": [{"name": "a"}]}']
RECORDS += ['{"datasets": [{"embedding": []}]}', '{"datasets": null}', '{"hits": [{}]}']


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize(
    "command", [["list-datasets"], ["retrieve", "key", "-d", "a"]], ids=" ".join
)
def test_a_record_of_another_form_is_a_sentence(run, command, record):
    record = json.dumps({"schema": "knowledge.datasets/1", **json.loads(record)})
    with hostile.HostileServer(sent(record)) as server:
        assert "another form" in refused(run, server, *command)


@pytest.mark.parametrize("body", ["", "<html>", "[]", "7", "1" + "0" * 5000])
def test_what_is_no_record_is_a_sentence(run, body):
    with hostile.HostileServer(sent(body)) as server:
        assert "not a server of `knowledge`" in refused(run, server, "list-datasets")


def test_deep_json_is_a_sentence(run):
    with hostile.HostileServer(hostile.deep) as server:
        assert "not a server of `knowledge`" in refused(run, server, "list-datasets")


def endless_line(handler):
    handler.begin(EVENTS)
    handler.send(b"event: piece\ndata: ")
    while handler.server.open:
        handler.send(b"x" * (1 << 16))


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (endless_line, "larger than 262,"),
        (sent("event: answer\ndata: {}\n\n", EVENTS), "another form"),
        (sent("event: answer\ndata: 5\n\n", EVENTS), "another form"),
        (sent("event: error\ndata: [1]\n\n", EVENTS), "another form"),
        (sent("event: answer\ndata: " + "[" * 50_000 + "\n\n", EVENTS), "not a server"),
        (sent('event: piece\ndata: {"text": "a"}\n\n', EVENTS), "no end"),
    ],
)
def test_events_are_bounded_and_read_with_care(run, behaviour, said):
    with hostile.HostileServer(behaviour) as server:
        assert said in refused(run, server, "ask", "why?", "-d", "a")


def test_many_events_may_be_more_than_one_may_be(run):
    def many(handler):
        handler.begin(EVENTS)
        piece = json.dumps({"text": "x" * 1000})
        for _ in range(3 * LIMIT // 1000):
            handler.send(f"event: piece\ndata: {piece}\n\n".encode())

    with hostile.HostileServer(many) as server:
        assert "no end" in refused(run, server, "ask", "why?", "-d", "a")


def test_what_it_says_drives_no_terminal_and_shows_no_token(run, monkeypatch):
    monkeypatch.setenv("KNOW_SERVER_TOKEN", "top-secret-token")
    said = f"{EVIL_LINES} top-secret-token"
    told = {"schema": "x", "error": {"code": EVIL_LINES, "message": said, "hint": said}}

    def rude(handler):
        handler.send_response(400)
        handler.end_headers()
        handler.send(json.dumps(told).encode())

    with hostile.HostileServer(rude) as server:
        for more in ([], ["--json"]):
            outcome = run("list-datasets", "--server", server.url, *more)
            assert outcome.code == 1
            assert_clean(outcome.out + outcome.err)
            assert_lines(outcome.err)
            assert "top-secret" not in outcome.out + outcome.err
