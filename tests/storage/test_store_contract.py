"""What every store must do: the data folder, alone or with a server of vectors, and Postgres."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import (
    DatasetExistsError,
    DatasetNotFoundError,
    LockedError,
    UsageError,
)
from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import EmbedderSpec, SplitterSpec
from knowledge.settings.reading import Settings
from knowledge.storage.opening import open_store
from knowledge.storage.store import Store
from tests.conftest import CORPUS, ROOT, write_files
from tests.durability import programs
from tests.storage.qdrant_program import FOLDER
from tests.storage.qdrant_servers import REAL

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")  # Qdrant's

QUESTION = "How often is the signing key rotated?"
SMALL = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}


def quiet(_: str) -> None:
    pass


@pytest.fixture(
    params=[
        "local",
        "postgres",
        "qdrant",
        pytest.param("chroma", marks=pytest.mark.slow),
        pytest.param("postgres+qdrant", marks=pytest.mark.slow),
        pytest.param("postgres+chroma", marks=pytest.mark.slow),
    ]
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What keeps datasets and vectors; the environment names it, empty as it is."""
    name = str(request.param)
    for part in {"postgres", "qdrant"} & {*name.split("+")}:
        request.getfixturevalue(part)
    if name.endswith("chroma"):
        monkeypatch.setenv("KNOW_VECTORS", request.getfixturevalue("chroma_server").address)
        monkeypatch.setenv("KNOW_COLLECTION_PREFIX", f"test-{uuid.uuid4().hex[:8]}")
    return name


catalog_alone = pytest.mark.parametrize("kind", ["local", "postgres"], indirect=True)
"""Of what does not depend on where the vectors are."""


@pytest.fixture
def settings(kind: str, tmp_path: Path) -> Settings:
    """Settings of a store that is empty."""
    return Settings.read(**SMALL)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


@pytest.fixture
def kb(settings: Settings) -> Iterator[KnowledgeBase]:
    with KnowledgeBase(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a dataset, which any store can import in no time."""
    home = tmp_path_factory.mktemp("filled")
    write_files(home / "docs", CORPUS)
    with KnowledgeBase.open(home / "data", store="", vectors="", **SMALL) as kb:
        kb.ingest(home / "docs")
        kb.sharing.export("default", home / "out.zip")
    return home / "out.zip"


def hits(kb: KnowledgeBase, dataset: str = "default", question: str = QUESTION, **asked: object):
    found = kb.retrieve(question, dataset, **asked)
    return [(hit.name, hit.text, f"{hit.score:.6f}") for hit in found]


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[None]:
    """Do something over and over in a thread, and raise what it raised."""
    end, raised = threading.Event(), []

    def loop() -> None:
        try:
            while not end.is_set():
                work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    if raised:
        raise raised[0]


def test_nothing_is_there_before_something_is_stored(store: Store) -> None:
    assert not store.exists()
    assert store.names() == []
    assert not store.cache_stats(1_000).vectors
    with store.leftovers() as found:
        assert list(found) == []
    assert store.contents() == []
    store.empty(0)
    assert not store.exists()


@catalog_alone
def test_datasets(store: Store) -> None:
    with store.open() as catalog:
        made = catalog.create("Büro 1", {"lang": "de", "nul": "\0"})
        assert catalog.ensure("Büro 1") is None
        with pytest.raises(DatasetExistsError):
            catalog.create("Büro 1")
        with pytest.raises(UsageError):
            catalog.create("a\x01b")
        with pytest.raises(DatasetNotFoundError, match="Buro"):
            catalog.dataset("Buro 1")
        assert catalog.dataset_by_key(made.key) == made
        assert dict(made.metadata) == {"lang": "de", "nul": "\0"}
        changed = catalog.set_metadata("Büro 1", {"year": 2026})
        assert catalog.ensure("another")
        renamed = catalog.rename("Büro 1", "archive", lock_timeout=0, notify=quiet)
        assert (renamed.key, renamed.metadata) == (changed.key, {"year": 2026})
        with pytest.raises(DatasetExistsError):
            catalog.rename("archive", "another", lock_timeout=0, notify=quiet)
        assert store.names() == ["another", "archive"]
        assert [run.command for run in catalog.runs(renamed)] == ["rename-dataset", "edit-dataset"]
        catalog.discard_unpublished(renamed.key)
        catalog.delete("another", lock_timeout=0, notify=quiet)
        assert catalog.datasets() == []


def test_a_run_is_seen_when_it_is_published_and_by_no_older_reader(
    kb: KnowledgeBase, store: Store, filled: Path
) -> None:
    kb.sharing.import_archive(filled)
    with store.open() as writer, store.open() as reader, reader.snapshot() as old:
        dataset = old.dataset("default")
        before = [file.path for file in old.files(dataset)]
        with writer.write_run("default", lock_timeout=0, notify=quiet) as run:
            run.prepare()
            gone = next(iter(old.files(dataset)))
            assert run.remove_file(gone) == gone.chunks
            with store.open() as other, other.snapshot() as snapshot:
                assert [file.path for file in snapshot.files(dataset)] == before
            assert run.publish(EmbedderSpec(**spec(dataset)), SplitterSpec()).generation == 2
        assert [file.path for file in old.files(dataset)] == before
        assert len(old.chunks_of_file(dataset, gone.id)) == gone.chunks
        with store.open() as other, other.snapshot() as snapshot:
            now = snapshot.dataset("default")
            assert [file.path for file in snapshot.files(now)] == before[1:]
            assert now.chunks == dataset.chunks - gone.chunks == len(snapshot.chunk_ids(now))
    assert kb.upkeep.doctor(offline=True).findings == ()


def spec(dataset) -> dict[str, object]:
    one = dataset.embedding
    return {
        "provider": one.provider,
        "model": one.model,
        "dimensions": one.dimensions,
        "options": one.options,
    }


def test_what_is_not_published_is_dropped(kb: KnowledgeBase, store: Store, filled: Path) -> None:
    kb.sharing.import_archive(filled)
    before = hits(kb)
    with store.open() as catalog:
        dataset = catalog.dataset("default")
        with catalog.snapshot() as snapshot:
            files = list(snapshot.files(dataset))
        with pytest.raises(RuntimeError):
            with catalog.write_run("default", lock_timeout=0, notify=quiet) as run:
                run.remove_file(files[0])
                raise RuntimeError
        assert catalog.dataset("default") == dataset
    assert hits(kb) == before
    assert kb.upkeep.doctor(offline=True).findings == ()


@catalog_alone
def test_one_writes_at_a_time_and_is_named(store: Store) -> None:
    told: list[str] = []
    with store.open() as one, store.open() as other:
        one.create("default")
        with one.write_run("default", lock_timeout=0, notify=quiet):
            for waiting in (0.0, 0.6):
                with pytest.raises(LockedError, match="is being written by process"):
                    with other.write_run("default", lock_timeout=waiting, notify=told.append):
                        pass
            with pytest.raises(LockedError):
                other.delete("default", lock_timeout=0, notify=quiet)
            other.create("free")
            with other.write_run("free", lock_timeout=0, notify=quiet):
                pass
            with pytest.raises(LockedError):
                store.empty(0)
        with other.write_run("default", lock_timeout=0, notify=quiet):
            pass
    assert len(told) == 1
    assert "to finish with dataset 'default'" in told[0]


@catalog_alone
def test_a_dataset_is_not_renamed_while_it_is_written(store: Store) -> None:
    with store.open() as one, store.open() as other:
        made = one.create("default")
        with one.write_run("default", lock_timeout=0, notify=quiet):
            with pytest.raises(LockedError):
                other.rename("default", "moved", lock_timeout=0, notify=quiet)
            with pytest.raises(DatasetExistsError):
                other.create("default")
        assert other.rename("default", "moved", lock_timeout=0, notify=quiet).key == made.key


def test_a_run_goes_on_in_the_dataset_it_began_with(
    kb: KnowledgeBase, store: Store, filled: Path
) -> None:
    """Whatever is done to the names behind its back: a run knows its dataset by key."""
    kb.sharing.import_archive(filled)
    with store.open() as one, store.open() as other:
        before = one.dataset("default")
        with one.write_run("default", lock_timeout=0, notify=quiet) as run:
            run.prepare()
            with other.snapshot() as snapshot:
                [gone, *_] = snapshot.files(before)
            run.remove_file(gone)
            with other.transaction():  # without the lock, which the run holds
                other.change("UPDATE datasets SET name = 'moved' WHERE key = ?", (before.key,))
            new = other.create("default")
            published = run.publish(EmbedderSpec(**spec(before)), SplitterSpec())
        assert (published.key, published.name) == (before.key, "moved")
        assert published.files == before.files - 1
        assert one.dataset("default") == new
    assert kb.upkeep.doctor(offline=True).findings == ()


def test_copies_and_archives_answer_alike(
    kb: KnowledgeBase, store: Store, filled: Path, tmp_path: Path
) -> None:
    kb.sharing.import_archive(filled)
    before = hits(kb)
    assert before[0][0] == "keys.md"
    kb.datasets.merge("default", "copy")
    kb.sharing.export("copy", tmp_path / "copy.zip")
    kb.sharing.import_archive(tmp_path / "copy.zip", rename="again")
    with pytest.raises(DatasetExistsError):
        kb.sharing.import_archive(tmp_path / "copy.zip")
    kb.sharing.import_archive(tmp_path / "copy.zip", overwrite=True)
    kb.datasets.rename("copy", "moved")
    assert before == hits(kb, "moved") == hits(kb, "again") == hits(kb)
    with KnowledgeBase(kb.settings).of_archive(tmp_path / "copy.zip") as archive:
        assert hits(archive, "copy") == before
    kb.datasets.delete("moved")
    assert store.names() == ["again", "default"]
    with store.leftovers() as found:
        assert {one.kind for one in found} <= {"archive"}
    assert kb.upkeep.doctor(offline=True).findings == ()


def test_filters_come_before_top_k(kb: KnowledgeBase, filled: Path) -> None:
    kb.sharing.import_archive(filled)
    whole = hits(kb, top_k=100)
    for mode in ("hybrid", "dense", "keyword"):
        found = hits(kb, top_k=1, mode=mode, files=["canteen.txt"])
        assert [name for name, _, _ in found] in (["canteen.txt"], [])
    filtered = hits(kb, top_k=100, files=["*.txt"])
    assert filtered == [hit for hit in whole if hit[0].endswith(".txt")]


def test_an_edit_keeps_what_stayed(kb: KnowledgeBase, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    write_files(docs, CORPUS)
    kb.ingest(docs)
    write_files(docs, {"keys.md": "# Signing keys\n\nRotate the key every 30 days.\n"}, age=60)
    (docs / "travel.md").rename(docs / "trips.md")
    (docs / "canteen.txt").unlink()
    report = kb.ingest(docs, prune=True)
    assert (report.chunks_added, report.chunks_removed) == (1, 2)
    assert "30 days" in hits(kb)[0][1]
    assert hits(kb, question="What may a hotel cost?")[0][0] == "trips.md"
    assert "canteen.txt" not in {name for name, _, _ in hits(kb, top_k=100)}
    kb.upkeep.compact()
    assert "30 days" in hits(kb)[0][1]
    assert kb.upkeep.status().datasets[0].dead == 0
    kb.reembed("default", force=True)
    assert "30 days" in hits(kb)[0][1]
    assert kb.upkeep.doctor(offline=True).findings == ()


@catalog_alone
def test_files_come_by_pages(kb: KnowledgeBase, tmp_path: Path) -> None:
    names = ["a_1.txt", "a%2.txt", "B.TXT", "ÄÖ.txt", *(f"n{number}.txt" for number in range(6))]
    write_files(tmp_path / "docs", {**dict.fromkeys(names, "words"), "x.pdf": b"%PDF-1.4 no"})
    kb.ingest(tmp_path / "docs")

    def paged(**asked: object) -> list[str]:
        found: list[str] = []
        page = kb.files.page(limit=4, **asked)
        while True:
            found += [Path(one.path).name for one in page.files]
            found += [Path(one.problem.file).name for one in page.missed]
            if page.cursor is None:
                return found
            page = kb.files.page(limit=4, cursor=page.cursor, **asked)

    assert sorted(paged()) == sorted([*names, "x.pdf"])
    assert paged()[-1] == "x.pdf"
    assert kb.files.page().counts == {"ingested": 10, "failed": 1, "empty": 0, "unsupported": 0}
    parts = {"a_": ["a_1.txt"], "%2": ["a%2.txt"], "b.t": ["B.TXT"], "ÄÖ.T": ["ÄÖ.txt"]}
    assert {part: paged(part=part) for part in parts} == parts
    assert paged(statuses=["failed"]) == ["x.pdf"]


@pytest.mark.slow
def test_names_change_while_they_are_read(settings: Settings, filled: Path) -> None:
    with KnowledgeBase(settings) as kb, KnowledgeBase(settings) as reader:
        kb.sharing.import_archive(filled, rename="left")

        def ask() -> None:
            for name in ("left", "right"):
                with contextlib.suppress(DatasetNotFoundError):
                    assert hits(reader, name)[0][0] == "keys.md"

        with in_thread(ask):
            for _ in range(5):
                kb.datasets.rename("left", "right")
                kb.sharing.import_archive(filled, rename="left")
                kb.sharing.import_archive(filled, rename="right", overwrite=True)
                kb.datasets.delete("right")


@catalog_alone
def test_the_cache(store: Store) -> None:
    import numpy as np

    vectors = {bytes([n]) * 32: np.full(8, n, np.float32) for n in range(10)}
    cache = store.open_cache(10_000)
    cache.put_many("model", vectors)
    cache.put_many("model", vectors)
    cache.put_many("other", {b"key": np.ones(3, np.float32)})
    assert cache.known("model", [*vectors, b"none"]) == set(vectors)
    found = cache.get_many("model", [bytes([3]) * 32, b"none"])
    assert list(found) == [bytes([3]) * 32]
    assert found[bytes([3]) * 32].tolist() == [3.0] * 8
    cache.close()
    stats = store.cache_stats(10_000)
    assert [(one.name, one.vectors) for one in stats.models] == [("model", 10), ("other", 1)]
    small = store.open_cache(stats.bytes // 2)
    small.put_many("newest", {b"new": np.ones(8, np.float32)})
    assert list(small.get_many("newest", [b"new"])) == [b"new"]
    small.close()
    assert store.cache_stats(10_000).bytes <= stats.bytes // 2
    store.clear_cache()
    assert not store.cache_stats(10_000).vectors


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """An archive of the sample documents, and questions with what a data folder answers."""
    home = tmp_path_factory.mktemp("answered")
    lines = (ROOT / "testdata" / "questions.jsonl").read_text().splitlines()
    questions = [json.loads(line)["question"] for line in lines][:30]
    modes = ("hybrid", "dense", "keyword")
    asked: list[dict[str, Any]] = [
        {"question": question, "mode": modes[number % 3]}
        for number, question in enumerate(questions)
    ]
    asked.append({"question": questions[0], "files": ["*.md"], "top_k": 3})
    with KnowledgeBase.open(home / "local", store="", vectors="") as local:
        local.ingest(ROOT / "testdata" / "documents")
        local.sharing.export("default", home / "all.zip")
        return home / "all.zip", [(one, hits(local, **one)) for one in asked]


@pytest.mark.slow
def test_answers_are_those_of_the_data_folder(
    settings: Settings, answered: tuple[Path, list[Any]]
) -> None:
    archive, expected = answered
    with KnowledgeBase(settings) as kb:
        kb.sharing.import_archive(archive)
        for asked, found in expected:
            assert hits(kb, **asked) == found, asked


@pytest.mark.slow
def test_writers_and_readers_at_once(settings: Settings, tmp_path: Path) -> None:
    for number in range(3):
        programs.write_folder(tmp_path / f"docs{number}", 4, 4, seed=number)
    with KnowledgeBase(settings) as kb:
        kb.ingest(tmp_path / "docs0", "shared")

        def write(number: int) -> Callable[[], None]:
            def again() -> None:
                with KnowledgeBase(settings) as own:
                    own.ingest(tmp_path / f"docs{number}", f"own{number}")
                    own.ingest(tmp_path / f"docs{number}", "shared", force=True)

            return again

        def ask() -> None:
            with KnowledgeBase(settings) as own:
                assert own.retrieve("amber basil cedar", "shared")

        with in_thread(write(1)), in_thread(write(2)), in_thread(ask):
            for _ in range(10):
                assert kb.retrieve("delta ember fjord", "shared")
        assert kb.upkeep.doctor(offline=True).findings == ()


def harm_vectors(kind: str, kb: KnowledgeBase) -> None:
    """Change, or lose, a vector of the default dataset behind the store's back."""
    dataset = kb.datasets.get("default")
    if kind == "local":
        [path] = kb._shared.store.root.glob(f"datasets/{dataset.key}/g*/*/data_level0.bin")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x7F
        path.write_bytes(content)
    elif kind == "postgres":
        with kb._shared.store.sessions.lent() as sql:
            [(number,)] = sql.rows("SELECT id FROM vector_tables")
            table = f"vectors_{number}"
            sql.change(f"DELETE FROM {table} WHERE id = (SELECT min(id) FROM {table})")
    else:
        servers = kb._shared.store.servers
        server = servers.at(servers.place)
        [collection] = kb._shared.store.index(dataset.key)._owned(dataset.vectors).collections
        points = next(iter(server.names(collection)))[:1]
        [name], vectors = server.fetch(collection, points)
        server.add(collection, [name], -vectors, name.rpartition(".")[2])


def test_damage_is_found_and_mended(kind: str, kb: KnowledgeBase, filled: Path) -> None:
    kb.sharing.import_archive(filled)
    before = hits(kb)
    harm_vectors(kind, kb)
    assert [one.code for one in kb.upkeep.doctor(offline=True).findings] == ["index-damaged"]
    assert not kb.upkeep.doctor(fix=True).damaged
    assert hits(kb) == before
    assert kb.upkeep.doctor(offline=True).findings == ()


@pytest.mark.slow
def test_kills_of_an_ingest_lose_nothing(qdrant: Any, tmp_path: Path) -> None:
    """Those of the other stores: tests/durability, test_postgres.py, test_server_vectors.py."""
    docs, chance = tmp_path / "docs", random.Random(5)
    ours = {name: value for name, value in os.environ.items() if name.startswith("KNOW_")}
    env = {**programs.environment(tmp_path / "killed"), "PYTHONPATH": str(ROOT), **ours}
    env["KNOW_DATA_DIR"] = str(tmp_path / "killed")
    program = ["-m", "knowledge"]
    if not REAL:
        program = ["-m", "tests.storage.qdrant_program"]
        env[FOLDER] = str(tmp_path / "qdrant")

    def line(*arguments: object) -> list[str]:
        return [sys.executable, *program, *map(str, arguments)]

    def answer(*arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            line(*arguments, "--json"), env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    asked = ("retrieve", "amber willow quartz", "-k", "20")
    programs.write_folder(docs, 2, 6, seed=1)
    answer("ingest", docs)
    programs.write_folder(docs, 3, 20, seed=2, prefix="more")
    for seconds in (chance.uniform(0.3, 1.0), chance.uniform(1.0, 2.0)):
        with programs.started(line("ingest", docs), env) as process:
            time.sleep(seconds)
            process.kill()
    assert not answer("doctor")["damaged"]
    assert answer("ingest", docs)["files"]["failed"] == 0
    killed = [(hit["name"], round(hit["score"], 6)) for hit in answer(*asked)["hits"]]
    with KnowledgeBase.open(
        tmp_path / "undisturbed", store="", vectors="", chunk_size=40, chunk_overlap=0
    ) as kb:
        kb.ingest(docs)
        found = kb.retrieve("amber willow quartz", top_k=20)
        assert killed == [(hit.name, round(hit.score, 6)) for hit in found]
