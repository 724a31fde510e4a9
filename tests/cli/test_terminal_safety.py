"""Nothing that a document, a name or a server says reaches a terminal as a command.

Every command is run on one hostile dataset: in a pipe, as JSON, and with colours as on a terminal.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import logging
import re
import shutil
import socketserver
import sqlite3
import subprocess
import sys
import threading
import unicodedata
import zipfile
from contextlib import closing, contextmanager
from importlib import import_module
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import typer

import knowledge
from knowledge.cli.render.streams import CleanStream, clean_streams
from knowledge.cli.session import Session
from knowledge.cli.table import COMMANDS
from knowledge.text.escaping import cleaned, cleaned_json, flat
from tests.chat_server import ChatServer
from tests.cli.written_files import on_terminal
from tests.conftest import ROOT, write_files
from tests.openai_server import OpenAIServer, Reply, refusal

KINDS = {
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;aGk=\x1b\\",
    "clear": "\x1b[2J",
    "colour": "\x1b[1;35;46m",
    "C1 sequence": "\x9b2J",
    "C1 title": "\x9d0;owned\x9c",
    "next line": "\x85",
    "bell": "\x07",
    "backspace": "\x08\x08",
    "return": "\rforged",
    "delete": "\x7f",
    "tab and feed": "\x0b\x0c",
    "override": "\u202etxt.exe\u202c",
    "isolate": "\u2067x\u2069",
    "line ends": "\u2028\u2029",
    "tags": "\U000e0041\U000e007f",
    "deprecated": "\u206a\u206f",
    "annotation": "\ufff9x\ufffb",
}
EVIL = "evil" + "|".join(KINDS.values())
EVIL_LINES = EVIL + "\nforged-line"
KEPT = ("title", "clear", "colour", "C1 title", "bell", "delete", "override", "tags")
"""Some that readers of texts leave as they are; a lone return becomes a line's end, for one."""
FILLER = "The signing key is rotated by the one who is on duty, and noted in the book. " * 6
"""Among this much text, a few controls make no binary data."""
HARMLESS = "שלום \u200fעולם، می\u200cخواهم، 👩\u200d💻 café\t日本\r\nnext"
"""Marks and joiners that letters need, and ends of lines as Windows writes them."""

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
OUR_STYLE = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b\x07]*\x1b\\|\x1b\[\?25[lh]|\r(?=\x1b)|\x1b\[2K|\x1b\[1A"
)


def is_forbidden(character):
    return (
        (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\n\t")
        or unicodedata.bidirectional(character) in BIDI
        or character in "\u206a\u206b\u206c\u206d\u206e\u206f\ufff9\ufffa\ufffb"
        or 0xE0000 <= ord(character) <= 0xE007F
    )


def assert_clean(shown, *, styled=False):
    text = shown.replace("\r\n", "\n")
    if styled:
        assert KINDS["colour"] not in text
        text = OUR_STYLE.sub("", text)
    found = {character for character in text if is_forbidden(character)}
    assert not found, repr(text)[:3000]


def assert_lines(shown):
    """Fail where a name or an error made a line of its own."""
    assert not [line for line in shown.splitlines() if line.startswith("forged-line")]


# The function


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_is_shown_as_an_escape(kind):
    for clean in (cleaned(kind), flat(kind)):
        assert_clean(clean)
        assert "\\" in clean
        assert cleaned(clean) == clean
    assert json.loads(cleaned_json(json.dumps(kind, ensure_ascii=False))) == kind
    assert_clean(cleaned_json(json.dumps(kind, ensure_ascii=False)))


@pytest.mark.slow
def test_all_code_points():
    everything = [chr(code) for code in range(0x110000)]
    changed = {c for c in everything if cleaned(c) != c}
    assert changed == {c for c in everything if is_forbidden(c)} | {"\ufffe", "\uffff"}
    escaped = {c for c in everything if cleaned_json(f'"é{c}"') != f'"é{c}"'}
    assert changed - escaped == {"\r"}  # which json has escaped, as all of ASCII's controls


def test_text_of_all_languages_stays():
    assert cleaned(HARMLESS) == HARMLESS
    assert flat(HARMLESS) == HARMLESS.replace("\t", r"\t").replace("\r\n", r"\r\n")


def test_escapes():
    assert cleaned("a\x1bb\x9bc\u202ed\U000e0041e\ud800\rf") == (
        r"a\x1bb\x9bc\u202ed\U000e0041e\ud800\rf"
    )
    assert cleaned_json('"é\x9b\u202e\U000e0041\ud800"') == r'"é\u009b\u202e\udb40\udc41\ud800"'


def test_a_stream_that_knows_little():
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict", newline="")
    stream = CleanStream(raw)
    stream.writelines(["é", "\x1b", "\ud800\r\n"])
    stream.flush()
    assert raw.buffer.getvalue() == rb"\xe9\x1b\ud800" + b"\r\n"
    assert not hasattr(stream, "buffer")  # a way past it


def test_what_libraries_say_is_cleaned(capsys):
    with clean_streams():
        logging.lastResort.handle(logging.makeLogRecord({"msg": EVIL, "levelno": 50}))
        sys.__excepthook__(ValueError, ValueError(EVIL), None)
        thread = threading.Thread(target=lambda: print(EVIL))
        thread.start()
        thread.join()
        typer.echo(EVIL)
        typer.secho(EVIL, err=True)
    out, err = capsys.readouterr()
    assert out.count("evil") == 2
    assert err.count("evil") >= 3
    assert_clean(out)
    assert_clean(err)


# Every command


@pytest.fixture(scope="module")
def hostile_once(tmp_path_factory):
    """A folder, a data folder, an archive and settings in which all that can be is hostile."""
    home = tmp_path_factory.mktemp("hostile")
    docs = home / "docs"
    kinds = "".join(f"{kind} {FILLER}\n\n" for kind in KINDS.values())
    text = (
        f"# Heading {EVIL}\n\nThe key {EVIL} is rotated.\n\n{FILLER}\n\n## Deeper {EVIL}\n\n{kinds}"
    )
    write_files(
        docs,
        {
            "notes.md": text,
            f"{EVIL_LINES}.md": f"# Named\n\nThe key of the name {EVIL}.\n{FILLER}",
            "=cmd.csv": "name,value\n=1+1,@key\n",
            "page.html": f"<title>{EVIL}</title><h1>{EVIL}</h1><p>A key {EVIL}</p><p>{FILLER * 3}",
            "broken.pdf": b"%PDF-1.4 \x1b]0;owned\x07 broken",
            f"{EVIL}.bin": bytes(range(256)) * 9,
            ".knowledge.json": json.dumps({"metadata": {EVIL_LINES: EVIL_LINES, "lang": EVIL}}),
        },
    )
    with zipfile.ZipFile(docs / "pack.zip", "w") as pack:
        pack.writestr(f"{EVIL_LINES}.txt", f"A member with a key {EVIL}. {FILLER}")
        pack.writestr(f"{EVIL}.pdf", b"%PDF-1.4 broken")
    data = home / "data"
    with knowledge.KnowledgeBase.open(data) as kb:
        kb.ingest(docs, "default", metadata={"given": EVIL_LINES})
        kb.datasets.edit("default", {EVIL_LINES: EVIL_LINES})
        kb.ingest(docs / "notes.md", "forged")
        chunk = kb.files.get(str(docs / "notes.md"), "default")[1][0].id
    # What an archive of somebody else may bring, where nobody checked it.
    with closing(sqlite3.connect(data / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE datasets SET name = ? WHERE name = 'forged'", (EVIL_LINES,))
        catalog.execute("UPDATE runs SET command = ?", (EVIL_LINES,))
    flows = f"flows:\n  {json.dumps(EVIL_LINES)}:\n    default: true\n    retrieval: {{}}\n"
    write_files(
        home,
        {
            "flows.yaml": flows,
            "questions.jsonl": json.dumps({"query": EVIL, "file": EVIL_LINES, "answer": "key"}),
            "knowledge.yaml": f"{json.dumps(EVIL_LINES)}: 1\nchat_model: {json.dumps(EVIL)}\n",
        },
    )
    with knowledge.KnowledgeBase.open(data) as kb:
        kb.sharing.export(["default"], home / "export.zip")
    return SimpleNamespace(home=home, docs=docs, data=data, chunk=chunk)


@pytest.fixture
def hostile(hostile_once, data_dir, monkeypatch):
    shutil.copytree(hostile_once.data, data_dir)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KNOW_CHAT_RETRIES", "0")
    with ChatServer([f"An answer {EVIL} [1]. {EVIL}"], script=_refuse) as server:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "m")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield hostile_once


def _refuse(_):
    return refusal(400, EVIL_LINES)


FORMATS = ("text", "jsonl", "markdown", "xml", "files", "csv")
ANY = "default"
FILE = f"{EVIL_LINES}.md"


def calls(home, docs, chunk):
    """Return the command lines for each command; those with --output take no --json."""
    queries, flows = home / "questions.jsonl", ["--flows-file", home / "flows.yaml"]
    config, page = ["-c", home / "knowledge.yaml"], docs / "page.html"
    outputs = [["--output", name] for name in FORMATS]
    return {
        "ingest": [[docs], [docs, "-d", "new", "-v", *config], [docs / EVIL_LINES]],
        "watch": [[docs, "--once"], [docs, "--every", EVIL_LINES]],
        "load": [
            [docs / FILE],
            [docs / "pack.zip", "-", "--format", "markdown"],
            [page, "-", "--format", "text"],
            [docs / "broken.pdf"],
            [EVIL_LINES],
            ["-", "--name", FILE],
        ],
        "retrieve": [
            *(["key", *output, "--full"] for output in outputs),
            ["key", "--explain", "-d", ANY],
            [EVIL, "-d", EVIL_LINES],
            ["key", "--archive", home / "export.zip"],
            ["key", "-d", "no" + EVIL_LINES],
            ["key", "--where", EVIL_LINES],
            ["key", "--mode", EVIL_LINES],
            ["key", *flows],
            ["key", "--output", EVIL_LINES],
        ],
        "ask": [["the key?"], ["the key?", "-d", EVIL_LINES]],
        "askdir": [["key", "-p", docs, "--full"], ["key", "-p", EVIL_LINES]],
        "open": [["1"], ["99"], [EVIL_LINES]],
        "list-chunks": [["-d", ANY], ["-d", EVIL_LINES], ["-d", ANY, "--sort", EVIL_LINES]],
        "serve": [["--host", EVIL_LINES], ["--host", "nowhere.invalid"]],
        "mcp": [["--install", EVIL_LINES], ["--install", "claude"]],
        "similar": [*([docs / FILE, *output] for output in outputs), [EVIL_LINES]],
        "show": [[chunk, "--after", "1"], [EVIL_LINES]],
        "eval": [[ANY, "--queries", queries, "-v"], [ANY, "--queries", EVIL_LINES]],
        "list-datasets": [[], ["--archive", home / "export.zip"]],
        "get-dataset": [[ANY], [EVIL_LINES], ["no" + EVIL_LINES]],
        "create-dataset": [[EVIL_LINES], ["b", "--metadata", f"{EVIL_LINES}={EVIL_LINES}"]],
        "edit-dataset": [[ANY, "--update-metadata", f"{EVIL_LINES}={EVIL_LINES}"]],
        "rename-dataset": [[ANY, EVIL_LINES], [EVIL_LINES, "plain"]],
        "copy-dataset": [[EVIL_LINES, "copy"], [ANY, EVIL_LINES]],
        "merge-datasets": [[ANY, EVIL_LINES, "--into", "both"]],
        "delete-dataset": [[EVIL_LINES], [EVIL_LINES, "--yes"]],
        "list-files": [[], ["--status", "failed", "--status", "unsupported"], ["-d", EVIL_LINES]],
        "get-file": [[docs / FILE], [docs / "notes.md", "--text"], [EVIL_LINES]],
        "edit-file": [[docs / FILE, "--metadata", f"{EVIL_LINES}={EVIL_LINES}"]],
        "delete-file": [[docs / FILE]],
        "export": [[ANY, "--output", EVIL_LINES], [EVIL_LINES, "--format", "jsonl"]],
        "import": [[home / "export.zip", "--as", "c"], [home / "export.zip"], [EVIL_LINES]],
        "models list": [[], config],
        "models test": [["openai:m"], [EVIL_LINES]],
        "embed": [[EVIL], [EVIL, "--similarity", "cosine"]],
        "reembed": [[EVIL_LINES], [ANY, "--embedding-model-provider", f"openai:{EVIL}"]],
        "cache stats": [[]],
        "cache clear": [["--yes"]],
        "config": [config, ["-c", EVIL_LINES], ["--data-dir", EVIL_LINES]],
        "trust": [[docs], [EVIL_LINES]],
        "flows list": [flows],
        "flows show": [flows, [EVIL_LINES, *flows]],
        "flows validate": [[home / "flows.yaml"], [home / "knowledge.yaml"], [EVIL_LINES]],
        "version": [["-v"], [EVIL_LINES]],
        "status": [[], [EVIL_LINES]],
        "store": [[], [EVIL_LINES]],
        "history": [[ANY], [EVIL_LINES], ["no" + EVIL_LINES], [ANY, "--limit", EVIL_LINES]],
        "doctor": [["--offline", "-v"], [EVIL_LINES]],
        "compact": [[], [EVIL_LINES]],
        "gc": [[], ["--dry-run"]],
        "reset": [[], ["--yes"]],
    }


def all_commands():
    """Yield each command as it is typed."""
    for entry in COMMANDS:
        module, _, name = entry.target.partition(":")
        target = getattr(import_module(module), name)
        if isinstance(target, typer.Typer):
            yield from (f"{entry.name} {word}" for word in typer.main.get_command(target).commands)
        else:
            yield entry.name


def test_no_command_is_left_out(tmp_path):
    assert set(calls(tmp_path, tmp_path, "")) == set(all_commands())


LONG = ("askdir", "config", "doctor", "ingest", "load", "models test", "similar", "watch")
"""Commands whose calls take the longest; what they have in common is shown by the others."""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.slow) if command in LONG else command
        for command in all_commands()
    ],
)
def test_every_command(run, hostile, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for call in calls(hostile.home, hostile.docs, hostile.chunk)[command]:
        line = [*command.split(), *call]
        outcome = run(*line, stdin=EVIL)
        assert_clean(outcome.out)
        assert_clean(outcome.err)
        assert "This is a defect" not in outcome.err
        if "csv" not in call:
            assert_lines(outcome.out + outcome.err)
        outcome = run(*line, "--json", stdin=EVIL)
        for printed in outcome.out.splitlines():
            json.loads(printed)
        assert_clean(outcome.out)
        assert_clean(outcome.err)
        with monkeypatch.context() as terminal:
            terminal.setattr(Session, "on_terminal", property(lambda self: not self.json))
            terminal.setenv("FORCE_COLOR", "1")
            terminal.setenv("TERM", "xterm-256color")
            outcome = run(*line, "--debug", stdin=EVIL)
        assert_clean(outcome.out, styled=True)
        assert_clean(outcome.err, styled=True)


def test_what_is_asked_for_is_there(run, hostile):
    """The commands above would be clean too if they printed nothing."""
    for line in (
        ["retrieve", "key"],
        ["retrieve", "key", "--output", "markdown"],
        ["show", hostile.chunk],
        ["get-file", hostile.docs / "notes.md", "--text"],
        ["load", hostile.docs / "notes.md", "-", "--format", "text"],
    ):
        printed = run(*line).out
        assert [name for name in KEPT if cleaned(KINDS[name]) not in printed] == []
    assert flat(EVIL_LINES) in run("list-files").out.replace("\\\\", "\\")
    assert flat(EVIL_LINES) in run("list-files", "-d", "no" + EVIL_LINES).err.replace("\\\\", "\\")
    assert "broken.pdf" in run("list-files", "--status", "failed").out
    hits = run("retrieve", "key", "-k", "50", "--json").json["hits"]
    assert any(KINDS["C1 title"] in hit["text"] for hit in hits)
    assert any(EVIL_LINES in hit["file"] for hit in hits)
    jsonl = run("retrieve", "key", "-k", "50", "--output", "jsonl").out
    assert [json.loads(line) for line in jsonl.splitlines()] == hits
    root = ElementTree.fromstring(run("retrieve", "key", "-k", "50", "--output", "xml").out)
    assert len(root) == len(hits)
    assert any(cleaned(KINDS["title"]) in document.text for document in root)
    table = run("retrieve", "key", "-k", "50", "--output", "csv").out
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(hits)


def test_cells_are_not_changed_for_spreadsheets(run, tmp_path):
    write_files(tmp_path / "docs", {"sum.txt": "=1+1 is two"})
    run("ingest", tmp_path / "docs")
    (row,) = csv.DictReader(io.StringIO(run("retrieve", "two", "--output", "csv").out))
    assert row["text"] == "=1+1 is two"


def test_files_that_are_written_stay_as_they_are(run, hostile, tmp_path):
    source = hostile.docs / "notes.md"
    assert run("load", source, tmp_path / "out.txt", "--format", "text").code == 0
    written = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert [name for name in KEPT if KINDS[name] not in written] == []
    assert run("load", source, tmp_path / "out.json").code == 0
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert KINDS["override"] in content["documents"][0]["content"]
    assert run("export", "default", "--format", "jsonl", "-o", tmp_path / "out.jsonl").code == 0
    assert KINDS["override"] in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


# Servers


@contextmanager
def rude_server(reply):
    """Answer every connection with the same bytes."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65_536)
            self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


RUDE = {
    "latin": b"HTTP/1.1 404 Gone \x1b]0;owned\x07\x9b2J\x08\x7f" + "\u202e".encode(),
    "utf-8": f"HTTP/1.1 599 {EVIL}".replace("\r", "").encode(),
    "nothing": f"{EVIL}".encode(),
}


@pytest.mark.parametrize("status", RUDE.values(), ids=list(RUDE))
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["", "debug"])
def test_a_web_servers_status_line(run, status, debug, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("KNOW_RETRIES", "0")
    body = EVIL.encode()
    reply = status + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    with rude_server(reply) as url:
        for arguments in (["ingest", f"{url}/a.html"], ["load", f"{url}/a.html"]):
            outcome = run(*arguments, "--allow-private-hosts", *debug)
            assert outcome.code not in (0, 2)
            assert outcome.err
            assert_clean(outcome.out)
            assert_clean(outcome.err)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply",
    [
        refusal(401, EVIL_LINES),
        refusal(400, EVIL_LINES, EVIL),
        Reply(404, EVIL_LINES),
        Reply(200, EVIL_LINES),
        Reply(200, {"error": {"message": EVIL_LINES + "\ud800"}}),
    ],
    ids=["401", "400", "text", "no JSON", "error"],
)
def test_a_providers_refusal(run, library, monkeypatch, reply):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("KNOW_CHAT_RETRIES", "0")
    with OpenAIServer(script=lambda _: reply) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        embedded = run("embed", "text", "--embedding-model-provider", "openai:m")
    with ChatServer([reply]) as server:
        monkeypatch.setenv("KNOW_CHAT_BASE_URL", server.base_url)
        monkeypatch.setenv("KNOW_CHAT_MODEL", "m")
        asked = run("ask", "How often do I rotate the key?")
    for outcome in (embedded, asked):
        assert outcome.code == 5
        assert_clean(outcome.out)
        assert_clean(outcome.err)
        assert_lines(outcome.err)


def test_a_sequence_in_two_pieces_of_an_answer(run, hostile, monkeypatch):
    """The chat server sends four characters at a time; each piece is shown when it comes."""
    monkeypatch.setattr(Session, "on_terminal", property(lambda self: not self.json))
    outcome = run("ask", "the key?")
    assert "An answer evil" in outcome.out
    assert_clean(outcome.out)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_says(run, tmp_path):
    outcome = run("ingest", f"git+file://{tmp_path}/{EVIL_LINES}.git")
    assert outcome.code != 0
    assert_clean(outcome.err)


# Processes


@pytest.mark.slow
def test_what_readers_print_goes_nowhere(run_process, tmp_path):
    """A native engine writes to the streams of its process, past Python's."""
    shadow = "import os\nfor n in (1, 2): os.write(n, b'\\x1b]0;owned\\x07 panicked')\n"
    shadow += f"open({str(tmp_path / 'was-here')!r}, 'w').close()\nraise ValueError('\\x1b[2J')\n"
    write_files(tmp_path, {"shadow/docx.py": shadow, "shadow/pypdf.py": shadow})
    write_files(tmp_path, {"shadow/pypdfium2.py": shadow, "docs/a.pdf": b"%PDF-1.4\nkey\n%%EOF"})
    outcome = run_process("ingest", tmp_path / "docs", env={"PYTHONPATH": str(tmp_path / "shadow")})
    assert (tmp_path / "was-here").exists()
    assert "failed: " in outcome.err
    assert "panicked" not in outcome.out + outcome.err
    assert_clean(outcome.out)
    assert_clean(outcome.err)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_keeps_its_title_and_its_lines(hostile):
    import pyte

    for line in (
        ["retrieve", "key", "-k", "50", "--full"],
        ["ingest", hostile.docs, "-d", "anew"],
    ):
        code, shown = on_terminal(*line, env={"COLUMNS": "100", "KNOW_DATASET": None})
        assert code in (0, 4)
        assert_clean(shown, styled=True)
        screen = pyte.Screen(100, 2000)
        pyte.Stream(screen).feed(shown.replace("\n", "\r\n"))
        assert screen.title == ""
        assert any(r"\x1b]0;owned" in row for row in screen.display)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_offers_no_name_that_nobody_can_type(run_process, hostile, shell):
    words = "knowledge retrieve -d "
    outcome = run_process(
        env={
            "_KNOWLEDGE_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": words,
            "COMP_CWORD": "3",
            "_TYPER_COMPLETE_ARGS": words,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
    )
    assert "default" in outcome.out
    assert "evil" not in outcome.out
    assert_clean(outcome.out + outcome.err)


def test_installing_completion_shows_no_escapes_of_its_own(run, capsys, monkeypatch):
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    monkeypatch.setattr(CleanStream, "isatty", lambda self: True, raising=False)
    with pytest.raises(SystemExit):
        run("--install-completion")
    out, err = capsys.readouterr()
    assert "installed in" in out
    assert "\\x1b" not in out + err
    assert_clean(out + err)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_is_no_error(closed):
    program = f'"{sys.executable}" -m knowledge create-dataset a {closed}'
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# No way past


def ways_past(tree):
    """Yield the lines of a module that write to a stream, or let somebody write, unseen."""
    for node in ast.walk(tree):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if re.fullmatch(
            r"print|(typer|click)\.(echo|secho|echo_via_pager)|Console|.*\.Console", name
        ):
            yield node.lineno, name
        if re.fullmatch(r"sys\.(std(out|err)|__std\w+__)\.(write|writelines|buffer.*)", name):
            yield node.lineno, name
        if name == "os.write" and ast.unparse(node.args[0]) in ("1", "2"):
            yield node.lineno, name
        if name in ("subprocess.run", "subprocess.Popen"):
            given = {keyword.arg for keyword in node.keywords}
            if not ({"stdout", "stderr"} <= given or "capture_output" in given):
                yield node.lineno, name
        if name in ("subprocess.call", "subprocess.check_call", "os.system"):
            yield node.lineno, name
        if isinstance(node, ast.Attribute) and re.fullmatch(
            r"sys\.(__std(out|err)__|std(out|err)\.(buffer|detach))", ast.unparse(node)
        ):
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and (node.module or "") == "rich":
            yield node.lineno, "rich.print"


ALLOWED = {
    "cli/render/terminal.py": {"sys.stdout.write", "sys.stderr.write"},
    # A pager gets what the clean stream gives; an editor gets a file's path.
    "cli/render/paging.py": {"subprocess.Popen"},
    "cli/commands/questions/open_hit.py": {"subprocess.run"},
    # The protocol's messages are JSON, for a program.
    "cli/commands/serving/mcp.py": {"sys.__stdout__"},
    # It runs as a process of its own, whose stdout is a pipe to us.
    "storage/local/vectors/check_process.py": {"os.write"},
}


@pytest.mark.slow
def test_nobody_writes_past_the_clean_streams():
    package = ROOT / "knowledge"
    found = {}
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        past = {way for _, way in ways_past(ast.parse(path.read_text(encoding="utf-8")))}
        if past - ALLOWED.get(name, set()):
            found[name] = past
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "print('a')",
        "typer.echo(a)",
        "sys.stderr.write(a)",
        "sys.stdout.buffer.write(a)",
        "rich.console.Console()",
        "subprocess.run(['git'])",
        "os.write(2, a)",
        "out = sys.__stdout__",
    ],
)
def test_ways_past_are_seen(line):
    assert list(ways_past(ast.parse(line)))
