"""A Ray cluster of two nodes on this machine as a crew."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest

from knowledge.embeddings.local.static import StaticEmbedder
from knowledge.embeddings.pool.pool import Backoff, EmbeddingPool
from knowledge.errors import KnowledgeError, RemoteError
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.reembedding import reembed
from knowledge.ingestion.run.session import ingest
from knowledge.ingestion.workers import ray_crew
from knowledge.ingestion.workers.crew import Crew, LocalCrew
from knowledge.ingestion.workers.loading import load_file
from knowledge.ingestion.workers.ray_cluster import RayCluster
from knowledge.ingestion.workers.ray_crew import RayCrew
from knowledge.ingestion.workers.ray_embedding import RayEmbedder
from knowledge.model import FileStatus, SplitterSpec
from knowledge.settings.reading import Settings
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from tests.conftest import ROOT, write_files
from tests.durability.invariants import check_clean, same_content, vectors
from tests.ingestion.test_crew_contract import FILES, by_name, task, tasks_for
from tests.ingestion.toy_model import POISON, ToyEmbedder, ToyModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray leaves sockets and announces changes
]
SECONDS = 60.0


NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'knowledge[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # nodes load the toy model of the tests
        try:
            cluster = started()
        except Exception as error:  # Ray's own limits of time, on a machine that is too busy
            pytest.skip(f"no Ray cluster starts here: {type(error).__name__}: {error}")
        yield cluster
        cluster.shutdown()


def started() -> Any:
    """Return a cluster of two nodes, of which ``other`` may be lost."""
    from ray.cluster_utils import Cluster

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cluster = Cluster(True, head_node_args={**NODE, "ray_client_server_port": port})
    cluster.client_url = f"ray://127.0.0.1:{port}"
    cluster.another = lambda: cluster.add_node(**NODE)
    cluster.other = cluster.another()
    return cluster


@pytest.fixture
def crew(cluster: Any) -> RayCrew:
    return RayCrew(cluster.address, 0, SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew")
    write_files(folder, FILES)
    return folder


def actors() -> list[str]:
    """Return the actors of this process's cluster; another may be on the machine."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found.append(" ".join(process.cmdline()))
    return [name for name in found if name.startswith(("ray::Reader", "ray::Encoder"))]


def all_ended() -> bool:
    """Tell whether no actor is left, after a moment."""
    deadline = time.monotonic() + 60
    while actors() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not actors()


@contextlib.contextmanager
def embedding(cluster: Any, model: Any) -> Iterator[tuple[EmbeddingPool, list[str]]]:
    """Yield a pool whose model runs in the cluster, and what it notes."""
    joined, notes = RayCluster(cluster.address), []
    joined.join("test")
    try:
        embedder = RayEmbedder(ToyEmbedder(), model, joined, 2)
        quick = Backoff(start=0.01)
        with EmbeddingPool(
            embedder, threads=2, batch_size=2, retries=1, notify=notes.append, backoff=quick
        ) as pool:
            yield pool, notes
    finally:
        joined.release("test")


def test_each_task_ends_once_as_it_would_alone(
    cluster: Any, crew: Crew, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [*tasks_for(folder), task(folder / "never-there.txt")]
    alone = by_name([load_file(one) for one in tasks])
    assert by_name(list(crew.load_files(tasks))) == alone
    assert all_ended()
    # Of shared files only those are sent that are others on a node, or not there.
    facts, read, sent = ray_crew._facts, ray_crew.read_content, []

    def other_time(path: str) -> tuple[int, int] | None:
        found = facts(path)
        return (found[0], 1) if found and "1" in Path(path).name else found

    monkeypatch.setattr(ray_crew, "_facts", other_time)
    monkeypatch.setattr(ray_crew, "read_content", lambda one: sent.append(one) or read(one))
    shared = RayCrew(cluster.address, 0, SECONDS, shared_files=True)
    assert by_name(list(shared.load_files(reversed(tasks)))) == alone
    assert {one.shown for one in sent} == {name for name in alone if "1" in name or "never" in name}
    assert all_ended()


def test_an_unchanged_file_is_not_sent(crew: Crew, folder: Path) -> None:
    first = load_file(task(folder / "1.md"))
    known = task(folder / "1.md", known_hash=first.content_hash)
    (again,) = crew.load_files([known])
    assert again == load_file(known)
    assert again.status is FileStatus.UNCHANGED


def test_files_that_break_their_reader_cost_themselves(
    cluster: Any, folder: Path, tmp_path: Path
) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(200 << 20)
    tasks = [task(tmp_path / "large.txt"), *tasks_for(folder)]
    tasks.insert(3, task(folder / "1.md", shown="broken.md", splitter="none"))
    found = by_name(list(RayCrew(cluster.address, 1, SECONDS, 60 << 20).load_files(tasks)))
    failed = {name: one.reason for name, one in found.items() if one.status is FileStatus.FAILED}
    assert failed.pop("broken.md").startswith("its reader failed: ")
    assert failed == {"large.txt": "it needs more than 60 MiB of memory (KNOW_FILE_MEMORY)"}
    assert len(found) == len(tasks)


def test_an_end_before_the_end_is_prompt_and_leaves_nobody(crew: Crew, folder: Path) -> None:
    threads, taken = set(), itertools.count()

    def endless() -> Iterator[Any]:
        for number in taken:
            threads.add(threading.get_ident())
            yield task(folder / "all.zip", shown=f"{number}.zip")

    results = crew.load_files(endless())
    next(results)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert time.monotonic() - started < 60
    assert next(taken) < 40
    assert threads == {threading.get_ident()}
    assert all_ended()


def test_an_ingest_gives_the_same_dataset_though_a_node_is_lost(
    cluster: Any, crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read and embedded by the nodes, one of which goes in the middle."""
    known = sorted(set(" ".join(topics.values()).split()))  # texts that differ, as vectors must
    many = {f"{n}.md": " ".join(random.Random(n).choices(known, k=40)) for n in range(120)}
    write_files(tmp_path / "docs", {**FILES, **many})
    settings = Settings.read(environ={}, folder=tmp_path, chunk_size=50, chunk_overlap=0)
    done = itertools.count(1)

    def ingested(name: str, reader: Crew, on_file: Any = None) -> None:
        store = LocalStore(DataFolder(tmp_path / name))
        report = ingest(
            store, "default", RunRequest([tmp_path / "docs"]), settings,
            create=True, notify=lambda _: None, on_file=on_file, crew=reader,
        )  # fmt: skip
        assert report.files[FileStatus.INGESTED] == len({**FILES, **many}) - 2

    def lose_a_node(*_: Any) -> None:
        if next(done) == 20:
            cluster.remove_node(cluster.other, allow_graceful=False)

    ingested("local", LocalCrew(2, SECONDS))
    with monkeypatch.context() as patch:
        patch.setattr(StaticEmbedder, "embed_documents", None)  # in this process, not in theirs
        ingested("ray", crew, lose_a_node)
    cluster.other = cluster.another()
    assert next(done) > 20
    same_content(check_clean(tmp_path / "ray"), check_clean(tmp_path / "local"))
    assert vectors(tmp_path / "ray") == vectors(tmp_path / "local")
    assert all_ended()


def test_stored_texts_are_embedded_again_by_the_nodes(
    cluster: Any, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same actors, whose vectors are those of this process."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    given: dict[str, Any] = {"environ": {}, "folder": tmp_path}
    given["embedding_model_provider"] = "static"
    store, noted = LocalStore(DataFolder(tmp_path / "data")), []
    request, here = RunRequest([folder]), Settings.read(**given)
    ingest(store, "default", request, here, create=True, notify=noted.append)
    before = vectors(tmp_path / "data")
    there = Settings.read(**given, workers="ray:auto", concurrency=1)
    monkeypatch.setattr(StaticEmbedder, "embed_documents", None)  # in this process, not in theirs
    report = reembed(store, "default", there, force=True, notify=noted.append)
    assert report.embedded
    assert vectors(tmp_path / "data") == before
    assert all_ended()


def test_a_text_that_kills_its_model_costs_itself(cluster: Any) -> None:
    with embedding(cluster, ToyModel()) as (pool, notes):
        good, bad, other = map(pool.submit, (["one", "two"], [POISON], ["three"]))
        pool.flush()
        assert good.result(60).shape == (2, 4)
        with pytest.raises(RemoteError, match="was lost while it embedded"):
            bad.result(60)
        assert other.result(60) == pytest.approx(ToyEmbedder().embed_documents(["three"]).vectors)
    assert notes == ["a note"]
    assert all_ended()


def test_a_model_that_no_node_can_load_runs_here(cluster: Any) -> None:
    with embedding(cluster, ToyModel(is_there=False)) as (pool, notes):
        assert pool.embed(["one"]).shape == (1, 4)
    assert notes == [
        "no node of the Ray cluster can embed, so this machine does: there is no model"
    ]


def test_ctrl_c_ends_what_a_command_started(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    write_files(tmp_path / "many", {f"{n}.md": f"# {n}\n\n{'Words. ' * 2000}" for n in range(400)})
    command = [sys.executable, "-m", "knowledge", "ingest", tmp_path / "many"]
    process = subprocess.Popen([*command, "--workers", "ray:auto"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not actors() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert actors()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert all_ended()


def test_a_cluster_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'knowledge[ray]'")
    (tmp_path / "a.md").write_text("Text.")
    crew = RayCrew("ray://127.0.0.1:1", 1, SECONDS)
    with pytest.raises(KnowledgeError, match="can't join the Ray cluster"):
        list(crew.load_files([task(tmp_path / "a.md", splitter=SplitterSpec())]))
    assert list(crew.load_files([])) == []


def test_a_client_of_a_cluster_ingests(cluster: Any, tmp_path: Path, folder: Path) -> None:
    """In a process of its own: Ray can be one kind of client in a process."""
    command = [sys.executable, "-m", "knowledge", "ingest", folder, "--json"]
    command += ["--workers", cluster.client_url, "--concurrency", "1"]
    for _ in range(3):  # Ray gives its client server 30 s to start, which a busy machine may exceed
        done = subprocess.run(command, stdout=subprocess.PIPE)
        report = json.loads(done.stdout)
        if not report.get("error", {}).get("message", "").startswith("can't join"):
            break
    assert done.returncode == 0, report
    assert report["files"]["ingested"] == len(FILES) - 2
    assert all_ended()
