"""What a person at a terminal types, and sees."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import TextColumn

from knowledge.cli.app import OVERVIEW, overview
from knowledge.cli.arguments import arranged
from knowledge.cli.render import bars
from knowledge.cli.render.progress import pace
from knowledge.cli.render.summary import problem_lines
from knowledge.documents.loaders.images.ocr import install_hint
from knowledge.model import FileProblem, IngestReport
from tests.cli.written_files import on_terminal, plain
from tests.conftest import write_files

terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def program(path, text):
    """Write a program that a shell can run."""
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


# the end of an ingest


def test_the_summary_is_the_end_and_failures_come_first(run, tmp_path):
    files = {f"e{number}.md": "" for number in range(4)}
    write_files(tmp_path / "docs", {**files, "a.md": "# A", "broken.pdf": "no pdf", "z.pdf": "no"})
    outcome = run("ingest", tmp_path / "docs")
    lines = [line for line in outcome.err.splitlines() if line.startswith(("failed", "empty"))]
    assert [line.partition(":")[0] for line in lines] == ["failed", "failed", "empty"]
    assert "empty: 4 files, such as " in lines[2]
    assert "--verbose" in outcome.err
    told = run("ingest", tmp_path / "docs", "--force", "--verbose").err
    assert sum(line.startswith("empty: ") for line in told.splitlines()) >= 4


@pytest.mark.slow
@terminal
def test_the_summary_is_the_end_on_a_terminal_too(tmp_path):
    write_files(tmp_path / "docs", {"a.md": "# A", "e.md": "", "broken.pdf": "no pdf"})
    code, shown = on_terminal("ingest", tmp_path / "docs", "--force")
    shown = plain(shown)
    assert code == 4
    assert shown.index("failed: ") < shown.index("empty: ") < shown.index("chunks: ")


def test_problems_are_grouped_by_kind():
    ocr = install_hint()
    problems = [
        FileProblem("/d/a.png", "empty", f"it is an image, which takes OCR to read. {ocr}"),
        FileProblem("/d/b.pdf", "empty", f"no text layer (3 pages): it may be scanned. {ocr}"),
        FileProblem("/d/c.bin", "unsupported", "binary data of 12 bytes"),
        FileProblem("/d/d.bin", "unsupported", "binary data of 99 bytes"),
        *(FileProblem(f"/d/f{one}", "failed", "it is damaged") for one in range(30)),
    ]
    report = IngestReport("default", {}, 0, 0, 0, 0, 0, 0.0, problems=tuple(problems))
    lines = [line for _, line in problem_lines(report)]
    assert len(lines) == 32
    assert all(line.startswith("failed: /d/f") for line in lines[:30])
    assert lines[30] == (
        f"empty: 2 pictures and scans need text recognition, such as /d/a.png: {ocr}"
    )
    assert lines[31].startswith("unsupported: 2 files, such as /d/c.bin: ")
    assert len(problem_lines(report, everything=True)) == 34


# progress


def test_an_estimate_is_made_of_what_was_done():
    assert pace(150_000, 300_000, 1.0, "chunks") == ""  # a moment tells nothing
    assert pace(0, 100, 60.0, "files") == ""
    assert pace(50, 100, 10.0, "files") == "5 files/s, 10 s left"
    assert pace(50, None, 10.0, "files") == "5 files/s"
    assert pace(1, 100, 60.0, "files") == "1.0 files/min, 1.6 h left"
    assert pace(100, 100, 10.0, "files") == "10 files/s"


def test_bars_clear_what_a_narrower_terminal_wrapped(monkeypatch):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    monkeypatch.setattr(bars, "error_console", lambda: console)
    drawn = bars.bars_on((TextColumn("{task.description}"),), {"auto_refresh": False})
    drawn.add_task("x" * 60)
    with drawn:
        drawn.refresh()
        out.truncate(0)
        console.width = 20
        drawn.refresh()
        cleared = out.getvalue()
    assert cleared.count("\x1b[1A") == 2  # three lines by now, one of which it stands on


# the pager


@pytest.mark.slow
@terminal
def test_long_output_goes_to_the_pager(library, tmp_path):
    kept = tmp_path / "paged"
    pager = program(tmp_path / "pager", f'#!/bin/sh\necho "less is $LESS"\ncat > {kept}\n')
    small = {"LINES": "5", "PAGER": str(pager), "LESS": None}
    code, shown = on_terminal("retrieve", "key", env=small)
    assert code == 0
    assert "less is FRX" in shown
    assert "keys.md" in kept.read_text()
    assert "keys.md" not in shown
    kept.unlink()
    for arguments, env in (
        (["retrieve", "key", "--no-pager"], small),
        (["retrieve", "key", "-k", "1"], {"PAGER": str(pager)}),  # it fits
        (["retrieve", "key"], {**small, "PAGER": ""}),
        (["retrieve", "key"], {**small, "PAGER": str(tmp_path / "none")}),
    ):
        code, shown = on_terminal(*arguments, env=env)
        assert (code, kept.exists()) == (0, False), arguments
        assert "keys.md" in shown


@terminal
def test_who_leaves_the_pager_is_no_error(library, tmp_path):
    pager = program(tmp_path / "pager", "#!/bin/sh\nhead -1 > /dev/null\n")
    code, shown = on_terminal("config", env={"LINES": "5", "PAGER": str(pager)})
    assert code == 0
    assert "error" not in shown


def test_a_pipe_has_no_pager(run_process, library, tmp_path):
    pager = program(tmp_path / "pager", "#!/bin/sh\nexit 3\n")
    outcome = run_process("config", env={"LINES": "5", "PAGER": str(pager)})
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) > 50


# open


def test_open_prints_the_command_in_a_pipe(run, library, monkeypatch):
    assert run("open", "1").code == 3
    run("retrieve", "reception badge locker")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "vim -n")
    target = str(library / "notes" / "badges.md")
    assert run("open").out == f"vim -n +1 {target}\n"
    monkeypatch.setenv("VISUAL", "/usr/bin/code")
    assert run("open", "1", "--print").out == f"/usr/bin/code --goto {target}:1\n"
    assert run("open", "1", "--json").json["line"] == 1
    outcome = run("open", "99")
    assert outcome.code == 3
    assert "there is no 99" in outcome.err


@terminal
def test_open_runs_the_editor(run, library, tmp_path):
    run("retrieve", "reception badge locker")
    editor = program(tmp_path / "ed", f'#!/bin/sh\necho "$@" > {tmp_path}/given\n')
    code, _ = on_terminal("open", "1", env={"EDITOR": str(editor), "VISUAL": None})
    assert code == 0
    assert (tmp_path / "given").read_text() == f"+1 {library / 'notes' / 'badges.md'}\n"
    code, shown = on_terminal("open", "1", env={"EDITOR": "/no/such", "VISUAL": None})
    assert code == 1
    assert "cannot run /no/such" in plain(shown)


@pytest.mark.parametrize("browser", ["firefox", "shown --new %s &:other", ""])
def test_open_shows_a_page_at_the_nearest_id(run, tmp_path, monkeypatch, browser):
    page = "<main><h2 id='fünf'>Wale</h2><p>Whales sing.</p></main>"
    write_files(tmp_path / "a b", {"page.html": page})
    run("ingest", tmp_path / "a b")
    assert "page.html#fünf" in run("retrieve", "whales", "-k", "1").out
    address = (tmp_path / "a b" / "page.html").as_uri() + "#f%C3%BCnf"
    monkeypatch.setenv("BROWSER", browser)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    shown = run("open", "--json").json
    assert shown["anchor"] == "fünf"
    if browser.startswith("shown"):
        assert shown["command"] == ["shown", "--new", address]
    else:
        assert shown["command"][-1] == address
        assert not browser or shown["command"] == [browser, address]


@terminal
def test_open_runs_the_browser(run, tmp_path):
    write_files(tmp_path / "d", {"page.html": "<main><h2 id='sea'>Wale</h2><p>Whales sing.</p>"})
    run("ingest", tmp_path / "d")
    run("retrieve", "whales")
    browser = program(tmp_path / "browser", f'#!/bin/sh\necho "$@" > {tmp_path}/given\n')
    assert on_terminal("open", "1", env={"BROWSER": str(browser)})[0] == 0
    assert (tmp_path / "given").read_text() == f"{(tmp_path / 'd/page.html').as_uri()}#sea\n"


@pytest.mark.parametrize(
    "name", ["--gpu-launcher=touch a://b", "file:///etc/passwd", "javascript://x", "-x", "no\0name"]
)
@pytest.mark.parametrize("anchor", [None, "a"])
def test_open_takes_no_name_for_an_option_or_a_program(run, library, name, anchor):
    """Whoever wrote an archive wrote the names that are in it."""
    run("retrieve", "key")
    (path,) = Path(os.environ["HOME"]).rglob("last-hits.json")
    path.write_text(json.dumps([{"file": name, "citation": name, "anchor": anchor}]))
    outcome = run("open", "1", "--print")
    assert (outcome.code, outcome.out) == (3, "")


@pytest.mark.parametrize("name", ["-x.md", "+!touch mark.md", "a://b.md"])
def test_open_names_a_file_by_its_full_path(run, library, tmp_path, monkeypatch, name):
    run("retrieve", "key")
    (path,) = Path(os.environ["HOME"]).rglob("last-hits.json")
    path.write_text(json.dumps([{"file": name, "citation": name, "line": 1}]))
    write_files(tmp_path / "there", {name: "text"})
    monkeypatch.chdir(tmp_path / "there")
    monkeypatch.setenv("VISUAL", "ed")
    command = run("open", "1", "--json").json["command"]
    assert command == ["ed", "+1", os.path.abspath(name)]


def test_what_open_remembers_is_private(run, library):
    run("retrieve", "key")
    (path,) = Path(os.environ["HOME"]).rglob("last-hits.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# the command line


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--json list-datasets", "list-datasets --json"),
        ("-q --data-dir d models list", "models list -q --data-dir d"),
        ("-c f --data-dir=d ls", "list-datasets -c f --data-dir=d"),
        ("-qv search x --json", "retrieve -qv x --json"),
        ("help search", "retrieve --help"),
        ("help models list", "models list --help"),
        ("help", "--help"),
        ("-V", "--version"),
        ("--json models", "models --json"),
        ("retrieve -- --json", "retrieve -- --json"),
        ("--version", "--version"),
        ("", ""),
    ],
)
def test_what_people_type(typed, meant):
    assert arranged(typed.split()) == meant.split()


def test_flags_before_the_command(run, library, tmp_path):
    assert run("--json", "list-datasets").json["datasets"]
    assert run("--json", "models", "list").json["providers"]
    assert run("--data-dir", tmp_path / "none", "--json", "ls").json["datasets"] == []
    assert run("--json", "nonsense").json["error"]["code"] == "usage"


def test_short_names_and_help(run, library):
    hits = run("search", "key", "--json").json["hits"]
    assert hits == run("retrieve", "key", "--json").json["hits"]
    assert "Usage: knowledge retrieve" in plain(run("help", "retrieve").out)
    assert run("-V").out == run("--version").out
    assert run("help", "nonsense").code == 2


def test_the_bare_command_fits_a_screen(run):
    outcome = run()
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) <= 23
    assert max(map(len, outcome.out.splitlines())) <= 100
    for command in ("ingest", "retrieve", "help"):
        assert f"knowledge {command}" in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_bare_command_fits_its_terminal(width):
    shown = overview(width)
    assert max(map(len, shown.splitlines())) <= width
    assert shown.split() == OVERVIEW.split()


def test_colour_is_forced(run_process, library):
    assert "\x1b[" not in run_process("retrieve", "key").out
    assert "\x1b[" in run_process("retrieve", "key", env={"FORCE_COLOR": "1"}).out


def test_verbose_says_more(run, library):
    quiet, told = run("retrieve", "key"), run("retrieve", "key", "--verbose")
    assert "hybrid search of default, at most 10 hits" in told.err
    assert "= score" in told.out
    assert "= score" not in quiet.out


def test_metadata_is_no_python(run, library):
    run("edit-file", "keys.md", "--metadata", "flag=true")
    assert 'metadata\t{"title": "Signing keys", "flag": true}\n' in run("get-file", "keys.md").out


# names


def test_the_nearest_option(run):
    assert "Did you mean --flow?" in run("ingest", "x", "--flo").err
    for nothing_like_it in (["serve", "--token"], ["ingest", "--colour"]):
        outcome = run(*nothing_like_it)
        assert "No such option" in outcome.err
        assert "Did you mean" not in outcome.err


def test_the_nearest_name(run, library, tmp_path, monkeypatch):
    run("create-dataset", "handbook")
    for arguments in (["-d", "handbok"], ["-d", "handbook", "-d", "handbok"]):
        assert "Did you mean 'handbook'?" in run("retrieve", "key", *arguments).err
    for command in (
        ["get-dataset"],
        ["delete-dataset", "--yes"],
        ["history"],
        ["status"],
        ["doctor", "--offline"],
        ["export"],
        ["compact"],
        ["copy-dataset", "--overwrite", "handbok"],
    ):
        outcome = run(*command, "handbok")
        assert outcome.code == 3, command
        assert "Did you mean 'handbook'?" in outcome.err, command
    assert "Did you mean 'hybrid'?" in run("retrieve", "key", "--mode", "hybird").err
    assert "Did you mean 'jsonl'?" in run("retrieve", "key", "--output", "jsnl").err
    assert "Did you mean 'failed'?" in run("list-files", "--status", "faild").err
    monkeypatch.setenv("KNOW_INGEST_GITIGNORE", "awto")
    assert "Did you mean 'auto'?" in run("retrieve", "key").err
    monkeypatch.delenv("KNOW_INGEST_GITIGNORE")
    write_files(tmp_path / "here", {"knowledge.yaml": "topk: 3\n"})
    assert "'topk' is not a setting. Did you mean 'top_k'?" in run("list-datasets").err


def test_without_a_dataset_the_hint_is_ingest(run):
    for arguments in (["retrieve", "key"], ["list-files"], ["get-dataset", "a"], ["similar", "x"]):
        outcome = run(*arguments)
        assert outcome.code == 3
        assert "`knowledge ingest PATH`" in outcome.err


def test_the_only_dataset_is_used_and_named(run, library, tmp_path):
    run("rename-dataset", "default", "handbook")
    outcome = run("retrieve", "key", "--json")
    assert outcome.json["datasets"] == ["handbook"]
    assert "dataset 'handbook', the only one" in outcome.err
    assert run("list-files", "--json").json["dataset"] == "handbook"
    assert run("similar", "keys.md", "--json").json["hits"]
    assert run("edit-file", "keys.md", "--metadata", "a=1").code == 0
    assert run("retrieve", "key", "-d", "default").code == 3
    archive = tmp_path / "h.zip"
    run("export", "handbook", "-o", archive)
    run("ingest", library, "-d", "another")
    assert run("retrieve", "key").code == 3  # which of two?
    assert run("retrieve", "key", "--archive", archive, "--json").json["datasets"] == ["handbook"]


def test_hints_name_flags_that_exist(run, library):
    run("create-dataset", "other")
    for command in (
        ["copy-dataset", "default", "other"],
        ["merge-datasets", "default", "--into", "other"],
    ):
        outcome = run(*command)
        assert outcome.code == 1
        assert "--as" not in outcome.err
        assert "--overwrite" in outcome.err
    assert "--overwrite" not in run("rename-dataset", "default", "other").err
