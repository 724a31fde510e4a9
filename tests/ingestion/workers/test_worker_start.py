"""What happens when the processes that read files can't even start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from knowledge import KnowledgeBase
from knowledge.ingestion.workers import process
from tests.conftest import environment, write_files

# As the installed command: unlike `python -m`, it does not look for modules where it is called.
COMMAND = "import sys; del sys.path[0]; from knowledge.cli.run import main; sys.exit(main())"

# Python imports these at the start of each process that has their folder on PYTHONPATH.
NO_SERVER = """
import sys
if "forkserver" in " ".join(sys.orig_argv):
    raise SystemExit(3)
"""
NO_READER = """
import sys
if "forkserver" in " ".join(sys.orig_argv):
    sys.modules["knowledge.ingestion.workers.process"] = None
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork server")


@pytest.fixture
def ingest(tmp_path):
    """Ingest a folder, in it, with so many files that processes read them."""
    folder = tmp_path / "docs"
    write_files(folder, {f"{number}.txt": f"Text number {number}." for number in range(20)})

    def call(hook="", **files):
        write_files(tmp_path / "hooks", {"sitecustomize.py": hook})
        write_files(folder, {f"{name}.py": text for name, text in files.items()})
        return subprocess.run(
            [sys.executable, "-c", COMMAND, "ingest", ".", "--concurrency", "1"],
            cwd=folder,
            env=environment({"PYTHONPATH": str(tmp_path / "hooks")}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


@pytest.mark.slow
@pytest.mark.parametrize("hook", [NO_SERVER, NO_READER], ids=["server", "reader"])
def test_a_reader_that_does_not_start_is_an_error(run, ingest, hook):
    done = ingest(hook)
    assert done.returncode == 1, done.stderr
    assert "error [failed]: a process that reads files could not be started" in done.stderr
    assert run("list-datasets").out == ""


@pytest.mark.slow
def test_what_lies_among_the_documents_is_not_run(ingest):
    harm = "open('harm.txt', 'w').close()\nraise ValueError('imported')\n"
    done = ingest(random=harm, socket=harm, numpy=harm)
    assert done.returncode == 0, done.stderr
    assert "23 ingested" in done.stdout


@pytest.mark.parametrize(
    ("files", "options", "starts"),
    [
        (17, {}, [1, 1]),
        (17, {"recursive": False}, [1, 1]),
        (16, {}, [0, 0]),
        (17, {"dry_run": True}, [1, 2]),  # nothing is stored after the first one either
    ],
)
def test_what_readers_are_forked_from_starts_early_where_nothing_is_stored(
    tmp_path, monkeypatch, files, options, starts
):
    started = []
    monkeypatch.setattr(process, "start_forking", lambda: started.append(1))
    monkeypatch.setenv("KNOW_DATA_DIR", str(tmp_path / "data"))
    below = "" if options.get("recursive") is False else "below/"
    write_files(tmp_path / "docs", {f"{below}{n}.txt": f"Text {n}." for n in range(files)})
    write_files(tmp_path / "docs", {".hidden.txt": "Not looked at."})
    found = []
    with KnowledgeBase.open(embedding_model_provider="static", concurrency=1) as kb:
        for _ in range(2):
            report = kb.ingest([str(tmp_path / "docs")], **options)
            assert not report.failed
            found.append(len(started))
    assert found == starts
