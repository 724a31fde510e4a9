"""Every command that writes beside every other on one dataset, with readers in a loop.

Each must end well, or say that the dataset is locked, or not there after a deletion; readers see
the old or the new, whole; and afterwards nothing is damaged, lost or left over. Three write at a
time, in groups in which every two of them meet once.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest

from tests.durability import programs
from tests.durability.invariants import check_clean, open_catalog
from tests.durability.worker import Worker
from tests.openai_server import OpenAIServer

FILES = 4
EDITIONS = ("edition-0", "edition-1", "edition-2")
GOES = {"delete", "rename", "reset"}
"""After these there is no dataset of the name."""
SHRINKS = {"onto", "delete-file"}
"""After these it lacks a file."""
NAMES = {"one", "other", "copied", "merged", "renamed"}

WRITERS: dict[str, list[object]] = {
    "ingest": ["ingest", "docs", "-d", "one"],
    "force": ["ingest", "docs", "-d", "one", "--force"],
    "watch": ["watch", "docs", "-d", "one", "--once"],
    "rename": ["rename-dataset", "one", "renamed"],
    "copy": ["copy-dataset", "one", "copied", "--overwrite"],
    "onto": ["copy-dataset", "other", "one", "--overwrite"],
    "merge": ["merge-datasets", "one", "--into", "merged", "--overwrite"],
    "delete": ["delete-dataset", "one", "-y"],
    "edit": ["edit-dataset", "one", "--update-metadata", "owner=ana"],
    "edit-file": ["edit-file", "file0.txt", "-d", "one", "--metadata", "owner=ana"],
    "delete-file": ["delete-file", "file2.txt", "-d", "one"],
    "import": ["import", "one.zip", "--overwrite"],
    "export": ["export", "one", "-o", "written.zip", "--overwrite"],
    "reembed": ["reembed", "one", "--force", "--embedding-model-provider", "static"],
    "compact": ["compact"],
    "gc": ["gc"],
    "fix": ["doctor", "--fix", "--offline"],
    "reset": ["reset", "-y"],
    "create": ["create-dataset", "one"],
}
READERS: dict[str, list[object]] = {
    "retrieve": ["retrieve", "amber basil", "-d", "one", "--top-k", "50", "--no-fold"],
    "similar": ["similar", "file0.txt", "-d", "one"],
    "export": ["export", "one", "-o", "read{reader}.zip", "--overwrite"],
    "list-files": ["list-files", "-d", "one"],
    "get-file": ["get-file", "file0.txt", "-d", "one"],
    "show": ["show", "{chunk}"],
    "status": ["status"],
    "history": ["history", "one"],
    "archive": ["retrieve", "amber", "--archive", "one.zip", "-d", "one"],
    "doctor": ["doctor", "--offline"],
}
TRIPLES = ((0, 1, 4), (0, 2, 9), (0, 5, 11))
"""Places from one writer on, counted round: a Steiner system of 19 writers, whose differences are
1 to 9, each once."""
ONCE_FAILED = [
    ("ingest", "rename"),
    pytest.param(("import", "reembed"), marks=pytest.mark.slow),
]


@dataclass
class Stage:
    """Three writers, two readers, and a data folder that each group gets a copy of."""

    home: Path
    writers: Sequence[Worker]
    readers: Sequence[Worker]
    chunk: str
    numbers: Iterator[int] = field(default_factory=count)
    turns: Iterator[int] = field(default_factory=count)

    def fresh(self) -> Path:
        """Return a new copy of the data folder."""
        data = self.home / f"data{next(self.numbers)}"
        shutil.copytree(self.home / "template", data)
        return data


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A dataset of the second edition, an archive of the first by another model, files of the
    third."""
    home = tmp_path_factory.mktemp("pairs")
    with OpenAIServer(dimensions=32) as server, contextlib.ExitStack() as stack:
        env = programs.environment(
            home / "nowhere",
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk-test",
            KNOW_LOCK_TIMEOUT=30,
            HOME=home,
            XDG_CONFIG_HOME=home / "config",
        )
        workers = [stack.enter_context(Worker(env, home)) for _ in range(5)]
        made = workers[0]
        write_edition(home / "docs", EDITIONS[0])
        first = ["--data-dir", "archived"]
        other_model = ["--embedding-model-provider", "openai"]
        succeed(made.run("ingest", "docs", "-d", "one", *first, *other_model))
        succeed(made.run("export", "one", "-o", "one.zip", "--overwrite", *first))
        write_edition(home / "docs", EDITIONS[1])
        second = ["--data-dir", "template"]
        succeed(made.run("ingest", "docs", "-d", "one", *second))
        succeed(made.run("ingest", "docs/file0.txt", "-d", "other", *second))
        shown = succeed(made.run("retrieve", "amber", "-d", "one", "--json", *second))
        write_edition(home / "docs", EDITIONS[2])
        chunk = json.loads(shown)["hits"][0]["chunk_id"]
        yield Stage(home, workers[:3], workers[3:], chunk)


def write_edition(docs: Path, edition: str) -> None:
    for number in range(FILES):
        parts = [f"Part {part} of file{number}, {edition}: amber basil." for part in range(3)]
        programs.write_text(docs / f"file{number}.txt", "\n\n".join(parts))


def succeed(answer: dict[str, Any]) -> str:
    assert answer["code"] == 0, answer
    return str(answer["out"])


def groups(first: str) -> Iterator[tuple[str, ...]]:
    """Yield the groups that a writer is the first of."""
    names = list(WRITERS)
    yield first, first
    for places in TRIPLES:
        yield tuple(names[(names.index(first) + place) % len(names)] for place in places)


def test_every_two_are_in_a_group() -> None:
    met = [{*pair} for one in WRITERS for group in groups(one) for pair in combinations(group, 2)]
    assert len(met) == len(WRITERS) * (len(WRITERS) + 1) // 2
    assert {frozenset(pair) for pair in met} == {
        frozenset((one, other)) for one in WRITERS for other in WRITERS
    }


@pytest.mark.parametrize("group", ONCE_FAILED, ids="-".join)
def test_two_write_while_two_read(stage: Stage, group: tuple[str, ...]) -> None:
    check_group(stage, group, delay=0.0)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("first", WRITERS)
def test_each_beside_itself_and_every_other(stage: Stage, first: str) -> None:
    chance = random.Random(first)
    for group in groups(first):
        check_group(stage, group, delay=chance.random() * 0.1)


def check_group(stage: Stage, group: tuple[str, ...], *, delay: float) -> None:
    data, over, faults = stage.fresh(), threading.Event(), []
    where = ["--data-dir", data, "--json"]

    def read(reader: int) -> None:
        while True:  # at least once
            name = list(READERS)[next(stage.turns) % len(READERS)]
            given = [str(one).format(reader=reader, chunk=stage.chunk) for one in READERS[name]]
            answer = stage.readers[reader].run(*given, *where)
            faults.extend(faults_of_reader(name, group, answer, stage.home / f"read{reader}.zip"))
            if over.is_set():
                return

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    writers = stage.writers[: len(group)]
    try:
        for name, writer in zip(group, writers, strict=True):
            writer.start(*WRITERS[name], *where)
            over.wait(delay)
        answers = [writer.end() for writer in writers]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for at, (name, answer) in enumerate(zip(group, answers, strict=True)):
        faults.extend(faults_of_writer(name, {*group[:at], *group[at + 1 :]}, answer))
    assert faults == [], group
    if (data / "catalog.db").exists():
        check_afterwards(stage, data)
    shutil.rmtree(data, ignore_errors=True)


def faults_of_writer(name: str, beside: set[str], answer: dict[str, Any]) -> list[str]:
    """Return what is wrong with how a writer ended."""
    code = error_code(answer)
    fine = (
        code in ("", "locked")
        or (code == "dataset-not-found" and beside & GOES)
        or (code == "file-not-found" and name == "delete-file" and beside & SHRINKS)
        # Another one has made it anew, and it is empty yet.
        or (code == "file-not-found" and name in ("edit-file", "delete-file") and beside & GOES)
        or (code == "usage" and name == "reembed" and beside & {"create", *GOES})
        or (code == "dataset-exists" and name == "create")
    )
    return [] if fine and quiet(answer) else [f"{name} ended with {answer}"]


def faults_of_reader(
    name: str, group: tuple[str, ...], answer: dict[str, Any], archive: Path
) -> list[str]:
    """Return what is wrong with what a reader was told."""
    code = error_code(answer)
    gone = code == "dataset-not-found" and GOES & {*group}
    gone = gone or (code == "file-not-found" and name == "show")  # the chunk of an older edition
    gone = gone or (code == "file-not-found" and GOES & {*group})  # made anew, and empty yet
    if not quiet(answer) or not (code == "" or gone):
        return [f"{name} was told {answer}"]
    told = str(answer["out"])
    if name == "doctor" and '"severity": "damage"' in told:
        return [f"doctor found {told}"]
    if name == "export" and code == "":
        with zipfile.ZipFile(archive) as exported:
            lines = [exported.read(one) for one in exported.namelist() if "chunks.jsonl" in one]
        told = b"".join(lines).decode()
    if name in ("retrieve", "export") and sum(edition in told for edition in EDITIONS) > 1:
        return [f"{name} saw two editions: {told}"]
    return []


def error_code(answer: dict[str, Any]) -> str:
    """Return the code of a command's error; empty where it ended well."""
    if answer["code"] == 0:
        return ""
    try:
        return str(json.loads(answer["out"])["error"]["code"])
    except (ValueError, KeyError):
        return f"exit {answer['code']}"


def quiet(answer: dict[str, Any]) -> bool:
    """Tell whether nothing burst, in whatever thread."""
    return not any(sign in answer["err"] for sign in ("Traceback", "panicked", "Exception"))


def check_afterwards(stage: Stage, data: Path) -> None:
    """Nothing is damaged, and when ``gc`` was there, nothing is left."""
    succeed(stage.writers[0].run("gc", "--data-dir", data))
    found = succeed(stage.writers[0].run("doctor", "--offline", "--json", "--data-dir", data))
    codes = {finding["code"] for finding in json.loads(found)["findings"]}
    assert codes <= {"disk-low"}, found
    with open_catalog(data) as sql:
        names = {row["name"]: row["key"] for row in sql.execute("SELECT name, key FROM datasets")}
    assert {*names} <= NAMES
    for name in names:
        state = check_clean(data, name)
        assert {Path(path).name for path in state.files} <= {f"file{n}.txt" for n in range(FILES)}
        told = " ".join(text for _, text in state.texts)
        assert sum(edition in told for edition in EDITIONS) <= 1
    homes = data / "datasets"
    kept = {path.name for path in homes.iterdir()} if homes.is_dir() else set()
    assert kept <= {*names.values()}, "folders of no dataset"
