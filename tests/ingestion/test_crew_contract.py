"""What each crew promises, whoever reads the files."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.ingestion.request import InlineText, RunRequest
from knowledge.ingestion.run.session import ingest
from knowledge.ingestion.workers.crew import Crew, LocalCrew
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask, load_file
from knowledge.ingestion.workers.process_crew import ProcessCrew
from knowledge.model import FileStatus, SplitterSpec
from knowledge.settings.reading import Settings
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from tests.conftest import write_files
from tests.documents.archive_makers import zipped
from tests.durability.invariants import check_clean, same_content, vectors
from tests.ingestion.thread_crew import ThreadCrew

SECONDS = 60.0
CREWS: dict[str, Crew] = {
    "processes": ProcessCrew(2, SECONDS),
    "local": LocalCrew(2, SECONDS),
    "threads": ThreadCrew(2),
}
MOST_AHEAD = 40
"""Tasks that a crew of two may hold beside those whose results were taken."""

FILES = {
    **{f"{n}.md": f"# File {n}\n\n{'A word or two. ' * n}" for n in range(24)},
    "list.csv": "name,age\nAna,33\n",
    "page.html": "<h1>Page</h1><p>A sentence of a page.</p>",
    "all.zip": zipped({"a.txt": "first member", "b.md": "# Second member"}),
    "empty.txt": "",
    "data.bin": bytes(range(256)),
}


@pytest.fixture(params=CREWS)
def crew(request: pytest.FixtureRequest) -> Crew:
    return CREWS[request.param]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew")
    write_files(folder, FILES)
    return folder


def task(path: Path, **changes: Any) -> LoadTask:
    return replace(LoadTask(str(path), path.name, SplitterSpec(50, 0), 1 << 30), **changes)


def tasks_for(folder: Path) -> list[LoadTask]:
    return [task(folder / name) for name in FILES]


def by_name(results: list[LoadedFile]) -> dict[str, LoadedFile]:
    """Return results without terms, which a crew may leave to the writer, by the files' names."""
    found = {one.task.shown: replace(one, terms=()) for one in results}
    assert len(found) == len(results), "a file came twice"
    return found


@pytest.mark.slow
def test_each_task_ends_once_as_it_would_alone(crew: Crew, folder: Path) -> None:
    """Whatever the order of completion, nothing is lost and nothing differs."""
    tasks = tasks_for(folder)
    alone = by_name([load_file(one) for one in tasks])
    assert by_name(list(crew.load_files(tasks))) == alone
    assert by_name(list(crew.load_files(reversed(tasks)))) == alone
    assert {one.status for one in alone.values()} == {
        FileStatus.INGESTED,
        FileStatus.EMPTY,
        FileStatus.UNSUPPORTED,
    }


def test_no_tasks(crew: Crew) -> None:
    assert list(crew.load_files([])) == []


def test_tasks_and_results_are_plain_values(crew: Crew, folder: Path) -> None:
    inline = LoadTask("note.txt", "note.txt", SplitterSpec(), 1 << 20, content=b"A note.")
    for result in crew.load_files([task(folder / "all.zip"), inline]):
        assert pickle.loads(pickle.dumps(result)) == result
        assert pickle.loads(pickle.dumps(result.task)) == result.task


def test_a_task_that_breaks_its_reader_costs_itself(crew: Crew, folder: Path) -> None:
    broken = task(folder / "1.md", shown="broken.md", max_file=None)
    gone = task(folder / "never-there.txt")
    few = by_name(list(crew.load_files([broken, task(folder / "2.md")])))
    found = by_name(list(crew.load_files([broken, gone, *tasks_for(folder)])))
    assert few == {name: found[name] for name in ("broken.md", "2.md")}
    assert found["broken.md"].status is FileStatus.FAILED
    assert found["broken.md"].reason.startswith("its reader failed: TypeError: ")
    assert found["never-there.txt"].reason == "it vanished during the run"
    assert len(found) == len(FILES) + 2
    assert sum(one.status is FileStatus.FAILED for one in found.values()) == 2


def test_what_finding_the_tasks_raises_is_raised(crew: Crew, folder: Path) -> None:
    def tasks() -> Iterator[LoadTask]:
        yield from tasks_for(folder)
        raise LookupError("the scan failed")

    with pytest.raises(LookupError, match="the scan failed"):
        list(crew.load_files(tasks()))


def test_tasks_are_taken_as_they_are_needed_by_the_thread_that_takes_results(
    crew: Crew, folder: Path
) -> None:
    threads, taken = set(), 0

    def endless() -> Iterator[LoadTask]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            threads.add(threading.get_ident())
            yield task(folder / "1.md", shown=f"{number}.md")

    results = crew.load_files(endless())
    for done in range(100):
        next(results)
        assert taken <= done + 1 + MOST_AHEAD
    results.close()
    before = taken
    time.sleep(0.1)
    assert taken == before, "tasks are taken after the end"
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("how", ["close", "interrupt"])
def test_an_end_before_the_end_is_prompt_and_leaves_nobody(
    crew: Crew, folder: Path, how: str
) -> None:
    processes, threads = multiprocessing.active_children(), threading.active_count()
    results = crew.load_files(task(folder / "all.zip", shown=f"{n}.zip") for n in range(10_000))
    next(results)
    started = time.monotonic()
    if how == "close":
        results.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt)
    assert time.monotonic() - started < 60  # all of them take many minutes
    assert multiprocessing.active_children() == processes
    assert threading.active_count() == threads


class Deadly(str):
    """A path that calls a function in the worker process that receives it."""

    def __reduce__(self) -> Any:
        function, *arguments = DEADLY[self]
        return function, tuple(arguments)


DEADLY = {"exit": (os._exit, 9), "hang": (time.sleep, 1000)}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_a_process_that_dies_or_hangs_costs_its_file(folder: Path) -> None:
    deadly = [
        LoadTask(Deadly(name), f"{name}.txt", SplitterSpec(), 1 << 30, size=4) for name in DEADLY
    ]
    tasks = tasks_for(folder)
    tasks[3:3] = deadly
    found = by_name(list(ProcessCrew(2, 8.0).load_files(tasks)))
    assert len(found) == len(tasks)
    failed = {name: one.reason for name, one in found.items() if one.status is FileStatus.FAILED}
    assert failed == {
        "exit.txt": "its reader crashed (exit code 9)",
        "hang.txt": "reading it took longer than 8 seconds (KNOW_FILE_TIMEOUT)",
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_file_that_needs_too_much_memory_costs_itself(tmp_path: Path, folder: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(400 << 20)
    tasks = [task(tmp_path / "large.txt"), *tasks_for(folder)]
    found = by_name(list(ProcessCrew(2, SECONDS, 100 << 20).load_files(tasks)))
    failed = {name: one.reason for name, one in found.items() if one.status is FileStatus.FAILED}
    assert failed == {"large.txt": "it needs more than 100 MiB of memory (KNOW_FILE_MEMORY)"}
    assert len(found) == len(tasks)


@pytest.mark.slow
def test_an_ingest_gives_the_same_dataset_whoever_reads(tmp_path: Path, folder: Path) -> None:
    settings = Settings.read(environ={}, folder=tmp_path, chunk_size=50, chunk_overlap=0)
    request = RunRequest([folder], inline=[InlineText("note.txt", b"A note of mine.")])
    states, embedded = [], []
    for name, crew in CREWS.items():
        data = LocalStore(DataFolder(tmp_path / name))
        report = ingest(
            data, "default", request, settings, create=True, notify=lambda _: None, crew=crew
        )
        assert report.files[FileStatus.INGESTED] == len(FILES) - 1
        again = ingest(
            data, "default", request, settings, create=False, notify=lambda _: None, crew=crew
        )
        assert again.chunks_added == again.chunks_removed == 0
        states.append(check_clean(tmp_path / name))
        embedded.append(vectors(tmp_path / name))
    for state, vectors_of_it in zip(states[1:], embedded[1:], strict=True):
        same_content(states[0], state)
        assert vectors_of_it == embedded[0]
