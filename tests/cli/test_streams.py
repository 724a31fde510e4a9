"""Results on stdout, everything else on stderr; colour and questions on a terminal only."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from tests.cli.written_files import ESCAPE, on_terminal, plain
from tests.conftest import write_files

terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def colours(text):
    """Return the escape codes that set a colour."""
    styles = [code for code in ESCAPE.findall(text) if code.endswith("m")]
    numbers = [(code, int(part)) for code in styles for part in code[2:-1].split(";") if part]
    return [code for code, number in numbers if 30 <= number < 50 or 90 <= number < 108]


# stdout and stderr


def test_notes_go_to_stderr(run, corpus):
    outcome = run("ingest", corpus)
    assert "embedded with" in outcome.err
    assert "embedded with" not in outcome.out
    assert "embedded with" in run("ingest", corpus, "-d", "other", "--json").err


def test_problems_go_to_stderr(run, corpus):
    write_files(corpus, {"empty.md": ""})
    outcome = run("ingest", corpus)
    assert "empty: " in outcome.err
    assert "empty.md" not in outcome.out


def test_quiet_says_nothing_when_all_is_well(run, corpus):
    write_files(corpus, {"empty.md": "", "program.bin": bytes(range(256)) * 9})
    for command in (
        ["create-dataset", "a"],
        ["ingest", corpus],
        ["edit-dataset", "a", "--reset-metadata"],
        ["delete-file", corpus / "keys.md"],
        ["delete-dataset", "a", "--yes"],
        ["trust", "."],
    ):
        outcome = run(*command, "--quiet")
        assert (outcome.code, outcome.out, outcome.err) == (0, "", ""), command


def test_quiet_keeps_results(run, library):
    loud, quiet = run("retrieve", "key"), run("retrieve", "key", "-q")
    assert quiet.out == loud.out != ""
    assert run("list-datasets", "-q").out.startswith("default\t5\t")
    assert run("list-files", "-q").out.count("\n") == 5


def test_verbose_says_more_on_stderr_only(run, corpus):
    outcome = run("ingest", corpus, "-v")
    assert len(outcome.err.splitlines()) >= 6
    assert outcome.out.startswith("default: 5 ingested\n")
    assert run("ingest", corpus, "-v", "--json").json["files"]["unchanged"] == 5


def test_results_are_neither_wrapped_nor_cut(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    line = "One long line about the signing key. " * 12
    deep = tmp_path / "/".join(["a folder with a long name"] * 6)
    write_files(deep, {"a file with a long name.txt": line})
    run("ingest", deep)
    out = run("retrieve", "signing key").out
    assert line.strip() in out
    assert f"{deep}/a file with a long name.txt:1\n" in out
    assert len(run("list-files").out.splitlines()) == 1
    assert run("list-files").out.startswith(f"{deep}/a file with a long name.txt\t")


def test_a_long_error_is_not_wrapped(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert f"there is no dataset '{'x' * 100}'\n" in run("retrieve", "key", "-d", "x" * 100).err


def test_tabs_and_newlines_keep_a_row_a_row(run, tmp_path):
    write_files(tmp_path / "docs", {"tab\there\nand there.txt": "Text."})
    run("ingest", tmp_path / "docs")
    (row,) = run("list-files").out.splitlines()
    assert len(row.split("\t")) == 5
    assert "tab\\there\\nand there.txt" in row


# Not a terminal


@pytest.mark.parametrize(
    "command",
    [
        ["list-datasets"],
        ["list-files"],
        ["get-dataset", "default"],
        ["retrieve", "key"],
        ["config"],
        ["retrieve", "key", "-d", "nowhere"],
        ["ingest", "."],
        ["--help"],
        ["ingest", "--help"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "variables", [{}, {"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}], ids=str
)
def test_no_escape_codes(run, library, monkeypatch, command, variables):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    outcome = run(*command)
    if "FORCE_COLOR" not in variables:
        assert "\x1b" not in outcome.out + outcome.err
    assert not colours(outcome.out + outcome.err)


def test_no_header_and_no_bar(run, corpus):
    outcome = run("ingest", corpus)
    assert "%" not in outcome.out + outcome.err
    assert "NAME" not in run("list-datasets").out
    assert "FILE" not in run("list-files").out
    assert "knowledge retrieve" not in outcome.out + outcome.err


def test_no_question_is_asked(run, library):
    outcome = run("delete-dataset", "default", stdin="y\n")
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert "[y/N]" not in outcome.out + outcome.err


# A terminal


@terminal
def test_a_table_with_a_header_and_colour(run, library):
    code, shown = on_terminal("list-datasets")
    assert code == 0
    assert "NAME" in shown
    assert "default" in shown
    assert ESCAPE.search(shown)


@pytest.mark.slow
@terminal
def test_no_color_is_honoured(run, library):
    for command in (["list-datasets"], ["retrieve", "key"], ["retrieve", "key", "-d", "nowhere"]):
        _, shown = on_terminal(*command, env={"NO_COLOR": "1"})
        assert not colours(shown), repr(shown)
    _, shown = on_terminal("list-datasets", "--no-such-flag")
    assert colours(shown)


@pytest.mark.slow
@terminal
def test_hits_are_cut_on_a_terminal_unless_asked_for_whole(run, tmp_path):
    text = "\n\n".join(f"Line {number} about the signing key." for number in range(20))
    write_files(tmp_path, {"here/docs/long.txt": text})
    run("ingest", tmp_path / "here/docs")
    _, shown = on_terminal("retrieve", "signing key")
    assert "--full" in shown
    assert "docs/long.txt:1-39" in plain(shown)
    _, shown = on_terminal("retrieve", "signing key", "--full")
    assert "--full" not in shown
    assert "Line 19 about" in shown


@pytest.mark.slow
@terminal
def test_wrapped_prose_is_not_wrapped_twice(run, tmp_path):
    words = "the signing key is rotated by the one who is on duty, and noted in the book " * 4
    write_files(tmp_path, {"docs/long.txt": textwrap.fill(words, 90)})
    run("ingest", tmp_path / "docs")
    _, shown = on_terminal("retrieve", "signing key", env={"COLUMNS": "64"})
    passage = [line.strip() for line in plain(shown).splitlines()[1:] if line.strip()]
    assert " ".join(passage) == words.strip()
    assert all(len(line) > 45 for line in passage[:-1])
    assert textwrap.fill(words, 90) in run("retrieve", "signing key").out


@pytest.mark.slow
@terminal
def test_what_ctrl_c_leaves_on_the_line_stays_there(corpus, start_process):
    ours, theirs = os.openpty()
    shown, watching = bytearray(), threading.Event()

    def read() -> None:  # all the time: a terminal that nobody reads stops who writes to it
        with contextlib.suppress(OSError):  # Linux ends a terminal so
            while piece := os.read(ours, 1024):
                shown.extend(piece)
                if b"watching" in shown:
                    watching.set()

    reader = threading.Thread(target=read)
    reader.start()
    process = start_process("watch", corpus, stderr=theirs)
    assert process.stdout.readline()
    assert watching.wait(60)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    os.close(theirs)
    reader.join()
    os.close(ours)
    assert plain(shown.decode()).endswith("Ctrl-C ends it\r\n\r\ninterrupted\r\n")


@terminal
def test_a_list_of_files_leaves_room_for_their_names(run, library):
    _, shown = on_terminal("list-files", env={"COLUMNS": "300"})
    assert str(library / "keys.md") in shown
    assert "+00:00" not in shown
    for line in run("list-files").out.splitlines():
        assert line.split("\t")[4] not in shown


@terminal
def test_explanations_fit_a_terminal(run, library):
    _, shown = on_terminal("retrieve", "signing key", "--explain", env={"COLUMNS": "80"})
    lines = plain(shown).splitlines()
    start = next(n for n, line in enumerate(lines) if "score 1.000000 by" in line)
    told = [line.strip().partition(" ")[0] for line in lines[start:]]
    told = told[: told.index("")]
    assert told[0] == "score"
    assert {"cosine", "words"} <= set(told)
    assert max(len(line.rstrip()) for line in lines[start : start + len(told)]) <= 80


@terminal
def test_a_passage_can_not_command_a_terminal(run, tmp_path):
    text = "A key\x1b]52;c;aGk=\x07 that is\x9b31m odd\x08\x1b[2J."
    write_files(tmp_path, {"docs/odd.txt": text})
    run("ingest", tmp_path / "docs")
    _, shown = on_terminal("retrieve", "key")
    harmless = r"A key\x1b]52;c;aGk=\x07 that is\x9b31m odd\x08\x1b[2J."
    assert harmless in plain(shown)
    assert harmless in run("retrieve", "key").out
    assert run("retrieve", "key", "--json").json["hits"][0]["text"] == text


@terminal
def test_json_on_a_terminal_is_plain(run, library):
    code, shown = on_terminal("retrieve", "key", "--json")
    assert code == 0
    assert json.loads(shown)["schema"] == "knowledge.retrieve/1"


@pytest.mark.slow
@terminal
def test_the_next_command_is_named_after_success(corpus):
    code, shown = on_terminal("ingest", corpus, "-d", "my handbook")
    assert code == 0
    assert 'knowledge retrieve -d "my handbook"' in plain(shown)
    _, shown = on_terminal("ingest", corpus, "--quiet")
    assert "knowledge retrieve" not in plain(shown)


@terminal
@pytest.mark.parametrize(("typed", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 1), ("\n", 1, 1)])
def test_a_person_is_asked_before_a_dataset_is_deleted(run, library, typed, code, left):
    outcome, shown = on_terminal("delete-dataset", "default", typed=typed)
    assert "5 files" in shown
    assert outcome == code
    assert "Traceback" not in shown
    assert len(run("list-datasets", "--json").json["datasets"]) == left


# Pipes


@pytest.mark.skipif(os.name == "nt", reason="needs SIGPIPE")
@pytest.mark.parametrize(
    "command",
    [["list-files"], ["retrieve", "key"], ["retrieve", "key", "--json"], ["config"], ["--help"]],
    ids=" ".join,
)
def test_a_reader_that_has_gone_is_no_error(run, start_process, library, command):
    read, write = os.pipe()
    os.close(read)
    process = start_process(*command, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert err == ""
    assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["version"], ["retrieve", "key", "--json"]], ids=" ".join)
def test_an_output_that_is_full_is_told(library, start_process, command):
    with open("/dev/full", "w") as full:
        process = start_process(*command, stdout=full)
        _, err = process.communicate(timeout=60)
    assert err == "error [failed]: the output cannot be written: No space left on device\n"
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_head_takes_one_line(run, corpus, tmp_path):
    write_files(
        tmp_path / "many", {f"{number}.txt": f"File {number}. " * 60 for number in range(400)}
    )
    run("ingest", tmp_path / "many", "--concurrency", "1")
    program = f"{shlex.quote(sys.executable)} -m knowledge retrieve file -k 1000 | head -1"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("[1] ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
