"""Several processes and threads at once: one writer a dataset, readers that wait for nobody."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from knowledge.errors import DatasetExistsError, LockedError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.local import lock
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.lock import write_lock
from tests.durability import machines, programs
from tests.durability.invariants import check_clean
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.slow

READER = """
import json, sys, time
from pathlib import Path
from knowledge.knowledge_base import KnowledgeBase

stop, datasets, kept = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3] == "kept"
answers = 0
held = KnowledgeBase.open()
while not stop.exists() or answers < 3:
    for kb in (held,) if kept else (held, KnowledgeBase.open()):
        with kb:
            hits = kb.retrieve("amber basil cedar", datasets, top_k=5)
            assert hits and all(hit.text.strip() for hit in hits), hits
            assert any("anchor" in hit.text for hit in kb.retrieve("anchor", datasets, top_k=1))
    answers += 1
print(json.dumps(answers))
"""

Processes = list["subprocess.Popen[str]"]


@contextlib.contextmanager
def reading(data: Path, stop: Path, datasets: list[str]) -> Iterator[Processes]:
    """Retrieve in two processes all the while; they must never fail."""
    env = programs.environment(data)
    with contextlib.ExitStack() as stack:
        readers = [
            stack.enter_context(
                programs.started(
                    [sys.executable, "-c", READER, str(stop), ",".join(datasets), kind], env
                )
            )
            for kind in ("kept", "opened")
        ]
        yield readers
        stop.touch()
        for reader in readers:
            out, err = reader.communicate(timeout=programs.LIMIT)
            assert reader.returncode == 0, f"a reader failed: {err}"
            assert json.loads(out) >= 3


def write_anchor(folder: Path) -> Path:
    """Write a document that is there from the first generation on."""
    programs.write_text(folder / "anchor.txt", "An anchor holds a ship: amber basil cedar.")
    return folder


def ingest_at_once(data: Path, folders: list[Path], datasets: list[str]) -> None:
    """Ingest each folder into its dataset, all at the same time; all must succeed."""
    env = programs.environment(data)
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(
                programs.started(programs.command("ingest", folder, "-d", name), env)
            )
            for folder, name in zip(folders, datasets, strict=True)
        ]
        for writer in writers:
            _, err = writer.communicate(timeout=programs.LIMIT)
            assert writer.returncode == 0, err


def forget_what_readers_held(data: Path) -> None:
    """Remove generations that a reader held when the last writer would have removed them."""
    with KnowledgeBase.open(data) as kb:
        kb.upkeep.remove_leftovers()


def four_folders(home: Path, files: int = 8) -> list[Path]:
    return [
        programs.write_folder(home / f"docs{n}", files, 20, seed=n, prefix=f"of{n}-")
        for n in range(4)
    ]


@pytest.mark.slow
def test_four_writers_of_one_dataset(tmp_path: Path) -> None:
    data, folders = tmp_path / "data", four_folders(tmp_path)
    with KnowledgeBase.open(data, chunk_size=40, chunk_overlap=0) as kb:
        kb.ingest(write_anchor(tmp_path / "anchor"), "shared")
    with reading(data, tmp_path / "stop", ["shared"]):
        ingest_at_once(data, folders, ["shared"] * 4)
        hits = programs.run_json(
            "retrieve", "amber basil cedar", "-d", "shared", env=programs.environment(data)
        )["hits"]
        assert hits
    forget_what_readers_held(data)
    state = check_clean(data, "shared")
    assert len(state.files) == 1 + 4 * 8
    assert sum(map(len, state.files.values())) == 1 + 4 * 8 * 20


@pytest.mark.slow
def test_four_writers_of_four_datasets(tmp_path: Path) -> None:
    data, folders = tmp_path / "data", four_folders(tmp_path)
    names = [f"set {n}" for n in range(4)]
    with KnowledgeBase.open(data, chunk_size=40, chunk_overlap=0) as kb:
        for name in names:
            kb.ingest(write_anchor(tmp_path / "anchor"), name)
    with reading(data, tmp_path / "stop", names):
        ingest_at_once(data, folders, names)
    forget_what_readers_held(data)
    for name in names:
        state = check_clean(data, name)
        assert sum(map(len, state.files.values())) == 1 + 8 * 20


@pytest.mark.slow
def test_many_first_runs_at_once(tmp_path: Path) -> None:
    """All make the data folder and the catalog at the same moment."""
    data, folders = tmp_path / "data", four_folders(tmp_path, files=1)
    ingest_at_once(data, folders * 2, [f"set {n}" for n in range(4)] + ["same"] * 4)
    for n in range(4):
        check_clean(data, f"set {n}")
    assert len(check_clean(data, "same").files) == 4


def test_many_catalogs_are_made_at_once(tmp_path: Path) -> None:
    """Threads get closer to the same moment than processes."""
    for attempt in range(10):
        folder = DataFolder(tmp_path / str(attempt))
        gate, errors = threading.Barrier(8), []

        def make(folder=folder, gate=gate, errors=errors) -> None:
            gate.wait()
            try:
                with Catalog(folder) as catalog:
                    catalog.ensure("one")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=make, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads), "they wait for ever"
        assert errors == []
        with Catalog(folder) as catalog:
            assert [dataset.name for dataset in catalog.datasets()] == ["one"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a data folder with one small dataset."""
    data = tmp_path / "data"
    with KnowledgeBase.open(data) as kb:
        kb.ingest(write_anchor(tmp_path / "docs"))
    return data


def lock_of(data: Path, name: str = "default") -> Path:
    with KnowledgeBase.open(data) as kb:
        return kb._shared.store.folder.lock(kb.datasets.get(name).key)


@pytest.mark.slow
def test_readers_take_no_lock(small: Path) -> None:
    env = programs.environment(small, KNOW_LOCK_TIMEOUT=0)
    with filelock.FileLock(lock_of(small)):
        assert programs.run_json("retrieve", "anchor", env=env)["hits"]
        assert programs.run_json("list-datasets", env=env)["datasets"]
        assert programs.run_json("list-files", env=env)["files"]
        assert programs.run("get-dataset", "default", env=env).returncode == 0
        assert programs.run("ingest", small.parent / "docs", env=env).returncode == 6


@pytest.mark.slow
@pytest.mark.parametrize("timeout", ["0", "0.7"])
def test_a_lock_that_is_held_too_long_names_its_holder(small: Path, timeout: str) -> None:
    env = programs.environment(small)
    command = ("--lock-timeout", timeout)
    with write_lock(lock_of(small), "default", 0, print):
        done = programs.run("ingest", small.parent / "docs", *command, env=env)
        assert done.returncode == 6
        assert f"process {os.getpid()} " in done.stderr
        assert "Traceback" not in done.stderr
        told = programs.run("ingest", small.parent / "docs", *command, "--json", env=env)
        assert json.loads(told.stdout)["error"]["code"] == "locked"
        assert programs.run("delete-dataset", "default", "-y", *command, env=env).returncode == 6
    assert programs.run("ingest", small.parent / "docs", *command, env=env).returncode == 0


def test_a_writer_waits_and_says_for_whom(small: Path) -> None:
    env = programs.environment(small)
    line = programs.command("ingest", small.parent / "docs")
    lock = write_lock(lock_of(small), "default", 0, print)
    with lock, programs.started(line, env) as waiting:
        said = waiting.stderr.readline()
        assert said.startswith(f"waiting for process {os.getpid()} ")
        lock.__exit__(None, None, None)
        _, err = waiting.communicate(timeout=programs.LIMIT)
        assert waiting.returncode == 0, err


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_the_lock_of_a_killed_writer_is_free_at_once(tmp_path: Path) -> None:
    data, gate = tmp_path / "data", threading.Event()
    docs = write_anchor(tmp_path / "docs")
    with OpenAIServer(gate=gate) as server:
        env = programs.environment(data, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk-test")
        with programs.started(programs.command("ingest", docs), env) as holder:
            programs.wait_until(lambda: server.requests, "a request")
            refused = programs.run("ingest", docs, "--lock-timeout", "0.1", env=env)
            assert refused.returncode == 6
            assert f"process {holder.pid} " in refused.stderr
            assert "ingest" in refused.stderr
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            gate.set()
            taken = programs.run("ingest", docs, "--lock-timeout", "0", env=env)
            assert taken.returncode == 0, taken.stderr
    assert len(check_clean(data).files) == 1


def test_a_dataset_is_deleted_while_a_writer_waits(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = programs.environment(small)
    real = lock.write_lock
    line = programs.command("ingest", small.parent / "docs", "--json")
    with contextlib.ExitStack() as stack:
        waiting: Processes = []

        @contextlib.contextmanager
        def held_until_somebody_waits(*arguments: object) -> Iterator[None]:
            with real(*arguments):
                waiting.append(stack.enter_context(programs.started(line, env)))
                assert waiting[0].stderr.readline().startswith("waiting for process")
                yield

        monkeypatch.setattr(lock, "write_lock", held_until_somebody_waits)
        with KnowledgeBase.open(small) as kb:
            kb.datasets.delete("default")
        out, err = waiting[0].communicate(timeout=programs.LIMIT)
        assert waiting[0].returncode == 0, err
        assert json.loads(out)["files"]["ingested"] == 1
        assert "Traceback" not in err
    assert list(check_clean(small).files) != []
    assert len(list((small / "datasets").iterdir())) == 1


def test_a_dataset_is_deleted_and_made_again_while_a_writer_waits(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting writer writes to the new dataset, and nothing below the old one's key."""
    key = lock_of(small).stem
    seen = []

    def replace(said: str) -> None:
        if not said.startswith("waiting"):
            return
        held.release()
        with KnowledgeBase.open(small) as other:
            other.datasets.delete("default")
            other.datasets.create("default")
        seen.append(True)

    held = filelock.FileLock(lock_of(small))
    held.acquire()
    with KnowledgeBase(Settings.read(data_dir=str(small)), notify=replace) as kb:
        kb.ingest(small.parent / "docs", create=False)
        held = filelock.FileLock(lock_of(small))
        held.acquire()
        kb.ingest(small.parent / "docs")
    assert seen == [True, True]
    assert lock_of(small).stem != key
    assert len(check_clean(small).files) == 1
    assert len(list((small / "datasets").iterdir())) == 1


def test_threads_read_while_one_writes(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", write_anchor(tmp_path / "docs")
    options = {"chunk_size": 40, "chunk_overlap": 0}
    with KnowledgeBase.open(data, **options) as kb:
        kb.ingest(docs)
    done, errors, answers = threading.Event(), [], [0, 0, 0]

    def read(number: int) -> None:
        try:
            with KnowledgeBase.open(data) as mine:
                while not done.is_set() or answers[number] < 3:
                    if number == 0:
                        mine.close()  # each time with new handles
                    assert mine.retrieve("anchor", top_k=1)[0].name == "anchor.txt"
                    answers[number] += 1
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for reader in readers:
        reader.start()
    try:
        with KnowledgeBase.open(data, **options) as kb:
            for version in range(6):
                programs.write_folder(docs, 5, 20, seed=version)
                report = kb.ingest(docs)
                assert report.chunks_added == 100
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert errors == []
    assert min(answers) >= 3
    forget_what_readers_held(data)
    check_clean(data)


@pytest.mark.slow
def test_an_open_reader_sees_what_another_process_publishes(tmp_path: Path) -> None:
    data, docs = tmp_path / "data", write_anchor(tmp_path / "docs")
    with KnowledgeBase.open(data) as kb:
        kb.ingest(docs)
        for word in ("zebra", "okapi", "tapir"):
            programs.write_text(docs / "animal.txt", f"The {word} is an animal.")
            programs.run_json("ingest", docs, env=programs.environment(data))
            texts = [hit.text for hit in kb.retrieve("which animal is it")]
            assert f"The {word} is an animal." in texts
            assert len(texts) == 2


def test_a_dataset_is_not_renamed_while_it_is_written(small: Path) -> None:
    """The run goes on in the dataset that it began with, and none of its name can appear."""
    gate = threading.Event()
    (docs := small.parent / "more").mkdir()
    programs.write_text(docs / "more.txt", "More of an anchor.")
    with OpenAIServer(gate=gate) as server:
        env = programs.environment(small, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk-test")
        line = programs.command("ingest", docs, "-d", "new", "--embedding-model-provider", "openai")
        with programs.started(line, env) as writer:
            programs.wait_until(lambda: server.requests, "a request")
            with KnowledgeBase.open(small, lock_timeout=0.1) as kb:
                with pytest.raises(LockedError, match=f"process {writer.pid} "):
                    kb.datasets.rename("new", "other")
                with pytest.raises(DatasetExistsError):
                    kb.datasets.create("new")
            gate.set()
            _, err = writer.communicate(timeout=programs.LIMIT)
            assert writer.returncode == 0, err
    with KnowledgeBase.open(small) as kb:
        renamed = kb.datasets.rename("new", "other")
        assert [dataset.name for dataset in kb.datasets.list()] == ["default", "other"]
    assert len(check_clean(small, "other").files) == 1
    assert renamed.key.startswith("new-"), "its folder stays where it is"


def test_two_replace_a_dataset_at_once(small: Path, tmp_path: Path) -> None:
    """The second replaces what the first has put there, and nothing of the three is left."""
    archive = tmp_path / "archive.zip"
    with KnowledgeBase.open(small) as kb:
        kb.sharing.export("default", archive)
        with KnowledgeBase.open(small) as other:
            retriever = [hit.text for hit in other.retrieve("anchor")]
            errors: list[BaseException] = []

            def replace() -> None:
                try:
                    with KnowledgeBase.open(small) as mine:
                        for _ in range(3):
                            mine.sharing.import_archive(archive, overwrite=True)
                except BaseException as error:
                    errors.append(error)

            threads = [threading.Thread(target=replace) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert errors == []
            assert [hit.text for hit in other.retrieve("anchor")] == retriever
        kb.upkeep.remove_leftovers()
    check_clean(small)
    assert len(list((small / "datasets").iterdir())) == 1


def test_two_machines_ingest_into_one_database_and_ask_it(tmp_path: Path) -> None:
    """``python -m tests.durability.machines`` does it for five minutes."""
    told = machines.run(tmp_path, seconds=3, pairs=1)
    assert told["ingests"] >= 2 * 4
    assert told["answers"]
