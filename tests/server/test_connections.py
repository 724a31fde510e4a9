"""A connection that does not go on is closed, whatever it was about."""

from __future__ import annotations

import socket
import time

import pytest

from knowledge.server import connections
from tests.server.test_limits import address

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SENT = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: loc",
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.1)


def is_closed(connection, seconds=60.0):
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_one_that_never_sends_a_whole_request_is_closed(served, impatient, sent):
    with socket.create_connection(address(served())) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_one_that_never_sends_a_whole_second_request_is_closed(served, impatient):
    with socket.create_connection(address(served()), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200" in connection.recv(4_096)
        connection.sendall(b"GET /heal")
        assert is_closed(connection)


def test_one_that_sends_its_head_by_drops_is_closed(served, impatient):
    with socket.create_connection(address(served())) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for number in range(1_000):
                connection.sendall(b"X-%d: y\r\n" % number)
                time.sleep(0.05)


def test_a_head_without_an_end_is_not_kept(served):
    with socket.create_connection(address(served())) as connection, pytest.raises(OSError):
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        for number in range(10_000):
            connection.sendall(b"X-%d: %s\r\n" % (number, b"y" * 1_000))


def test_one_that_goes_on_after_its_answer_is_closed(served, impatient):
    """A body of a request that was refused is not read without an end."""
    head = b"POST /mcp HTTP/1.1\r\nHost: other\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(address(served())) as connection:
        connection.sendall(head)
        assert b"421" in connection.recv(4_096)
        with pytest.raises(OSError):
            for _ in range(1_000):
                connection.sendall(b"x")
                time.sleep(0.05)


def test_one_that_is_in_use_stays(served, impatient):
    """Longer than an incomplete one would."""
    running = served()
    with socket.create_connection(address(running), timeout=60) as connection:
        for _ in range(4):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" in connection.recv(4_096)
            time.sleep(0.25)


def test_a_reply_that_nobody_reads_holds_no_socket(served, impatient):
    """It is closed here, and what is written waits for the client in vain."""
    import psutil

    running = served(timeout=0.5)
    large = {"file": ("a.txt", b"x" * 2**24)}
    id_ = running.client.post("/v1/files", files=large).json()["id"]
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(address(running))
        head = f"GET /v1/files/{id_}/content HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(head.encode())
        ours = connection.getsockname()
        deadline = time.monotonic() + 45  # sooner than a silent connection is closed
        time.sleep(0.2)
        while any(one.raddr == ours for one in psutil.Process().net_connections("tcp")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
