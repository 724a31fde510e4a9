"""The process that an agent's program starts: its streams, its end, and how it gets configured."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from knowledge.server.mcp import installing
from tests.conftest import ROOT
from tests.durability import programs

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(number, name, **arguments):
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def alive(process):
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def lines(*messages):
    return "".join(json.dumps(one) + "\n" for one in messages)


@pytest.fixture
def start(data_dir):
    """Start ``knowledge mcp`` with pipes."""
    started = []

    def begin(*flags):
        process = subprocess.Popen(
            [sys.executable, "-m", "knowledge", "mcp", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=programs.environment(data_dir),
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_it_ends_with_stdin_and_writes_nothing_but_the_protocol(start):
    out, err = start().communicate(lines(HELLO, READY, call(2, "list_datasets")), timeout=60)
    answers = [json.loads(line) for line in out.splitlines()]
    assert [one["id"] for one in answers] == [1, 2]
    assert "There is no dataset yet" in answers[1]["result"]["content"][0]["text"]
    assert "Traceback" not in err


@pytest.mark.slow
def test_what_is_no_message_does_not_end_it(start):
    sent = lines(HELLO, READY) + "no JSON\n[]\n" + lines(call(2, "list_datasets"))
    out, _ = start().communicate(sent, timeout=60)
    assert 2 in [json.loads(line).get("id") for line in out.splitlines()]
    assert "Traceback" not in out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_ends_when_its_client_is_gone(start, data_dir, tmp_path):
    """A client that is killed may leave stdin open in a child of its own."""
    client = tmp_path / "client.py"
    client.write_text(
        "import subprocess, sys, time\n"
        "server = subprocess.Popen([sys.executable, '-m', 'knowledge', 'mcp'], stdin=0, stdout=1)\n"
        "print(server.pid, file=sys.stderr, flush=True)\n"
        "time.sleep(600)\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, client],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=programs.environment(data_dir),
        cwd=ROOT,
    )
    process.stdin.write(lines(HELLO))
    process.stdin.flush()
    server = int(process.stderr.readline())
    assert json.loads(process.stdout.readline())["id"] == 1
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    deadline = time.monotonic() + 60
    while alive(server):
        assert time.monotonic() < deadline, "it outlives its client"
        time.sleep(0.1)
    process.communicate()


def test_a_misspelt_client_gets_the_nearest_name(run):
    outcome = run("mcp", "--install", "claud", "--yes")
    assert outcome.code == 2
    assert "claude" in outcome.err


# Configuration of clients


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("CODEX_HOME", raising=False)
    (tmp_path / "home" / "work").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home" / "work")
    return tmp_path / "home"


FILES = {
    "claude": ".config/Claude/claude_desktop_config.json",
    "cursor": ".cursor/mcp.json",
    "vscode": "work/.vscode/mcp.json",
    "codex": ".codex/config.toml",
}
SECTIONS = {"claude": "mcpServers", "cursor": "mcpServers", "vscode": "servers"}


def entry(client, text):
    if client == "codex":
        return tomllib.loads(text)["mcp_servers"]["knowledge"]
    return json.loads(text)[SECTIONS[client]]["knowledge"]


@pytest.mark.parametrize(
    "client",
    ["claude", *(pytest.param(one, marks=pytest.mark.slow) for one in FILES if one != "claude")],
)
def test_a_client_is_configured_and_its_command_answers(run, home, client, data_dir):
    printed = run("mcp", "--install", client, "--print", "--root", home)
    assert not (home / FILES[client]).exists()
    assert run("mcp", "--install", client, "--yes", "--root", home).code == 0
    written = (home / FILES[client]).read_text(encoding="utf-8")
    assert entry(client, written) == entry(client, printed.out)
    assert entry(client, written)["args"][-2:] == ["--root", str(home)]
    command = [entry(client, written)["command"], *entry(client, written)["args"]]
    environment = {**programs.environment(data_dir), **entry(client, written).get("env", {})}
    done = subprocess.run(
        command,
        input=lines(HELLO),
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "knowledge"


@pytest.mark.parametrize("client", FILES)
def test_what_else_is_configured_stays(run, home, client):
    before = {
        "codex": 'model = "m"  # mine\n\n[mcp_servers.other]\ncommand = "x"\n\n'
        '[mcp_servers.knowledge]\ncommand = "old"\n\n[mcp_servers.knowledge.env]\nA = "1"\n\n'
        "[tui]\nbell = true\n",
    }.get(client) or json.dumps(
        {"theme": "dark", SECTIONS.get(client, ""): {"other": {"command": "x"}, "knowledge": {}}}
    )
    path = home / FILES[client]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before, encoding="utf-8")
    for _ in range(2):
        assert run("mcp", "--install", client, "--yes").code == 0
    after = path.read_text(encoding="utf-8")
    read = tomllib.loads(after) if client == "codex" else json.loads(after)
    assert entry(client, after)["command"] == sys.executable
    if client == "codex":
        assert read["model"] == "m"
        assert "# mine" in after
        assert read["tui"] == {"bell": True}
        assert read["mcp_servers"]["other"] == {"command": "x"}
        assert "A" not in read["mcp_servers"]["knowledge"]["env"]
    else:
        assert read["theme"] == "dark"
        assert read[SECTIONS[client]]["other"] == {"command": "x"}


@pytest.mark.parametrize("client", ["claude", "codex"])
def test_a_file_that_is_not_understood_stays_as_it_is(run, home, client):
    path = home / FILES[client]
    path.parent.mkdir(parents=True)
    path.write_text("{ // a comment\n", encoding="utf-8")
    outcome = run("mcp", "--install", client, "--yes")
    assert outcome.code == 2
    assert str(path) in outcome.err
    assert path.read_text(encoding="utf-8") == "{ // a comment\n"


def test_nothing_is_written_without_being_asked_for(run, home):
    outcome = run("mcp", "--install", "claude")
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert not (home / FILES["claude"]).exists()


def test_the_blocks_of_the_page_are_what_is_printed(run, home, monkeypatch):
    """Where the program is found by its name, each block of docs/agents.md is the whole of it."""
    monkeypatch.setattr(installing, "command_of", lambda arguments: ["knowledge", *arguments])
    monkeypatch.delenv("KNOW_DATA_DIR", raising=False)
    text = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8").partition("# Commands")[0]
    blocks = re.findall(r"```(json|toml)\n(.*?)```", text, re.DOTALL)
    read = [tomllib.loads(one) if kind == "toml" else json.loads(one) for kind, one in blocks]
    for client in FILES:
        printed = run("mcp", "--install", client, "--print").out
        expected = tomllib.loads(printed) if client == "codex" else json.loads(printed)
        assert expected in read, client
    assert len(read) == 3  # Claude and Cursor share one
