"""Datasets in a Postgres database whose vectors a server keeps."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import DamagedStoreError, VectorsElsewhereError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.postgres.schema import VERSION
from tests.conftest import CORPUS, write_files
from tests.durability import programs
from tests.durability.contents import contents, same
from tests.durability.dying_writer import DyingWriter
from tests.storage.chroma_server import ChromaProcess

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")  # Qdrant's

QUESTION = "How often is the signing key rotated?"
SMALL = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    write_files(tmp_path / "docs", CORPUS)
    return tmp_path / "docs"


@pytest.fixture
def kb(postgres: str, qdrant: Any) -> Iterator[KnowledgeBase]:
    with KnowledgeBase(Settings.read(**SMALL)) as opened:
        yield opened


def ask(kb: KnowledgeBase, dataset: str = "default") -> list[tuple[str, str]]:
    return [(hit.name, f"{hit.score:.6f}") for hit in kb.retrieve(QUESTION, dataset)]


def sizes(qdrant: Any) -> dict[str, int]:
    """Return how many points each collection of this test holds."""
    named = [one.name for one in qdrant.get_collections().collections]
    ours = [name for name in named if name.startswith(os.environ["KNOW_COLLECTION_PREFIX"])]
    return {name: qdrant.count(name).count for name in ours}


def sql(kb: KnowledgeBase, statement: str) -> None:
    with kb._shared.store.sessions.lent() as session:
        session.script(statement)


def test_machines_share_the_vectors_and_schemas_do_not(
    kb: KnowledgeBase, docs: Path, qdrant: Any, tmp_path: Path
) -> None:
    kb.ingest(docs)
    [(name, count)] = sizes(qdrant).items()
    with KnowledgeBase(Settings.read(**SMALL, data_dir=str(tmp_path / "another"))) as machine:
        assert ask(machine) == ask(kb)
        write_files(docs, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
        machine.ingest(docs)
    assert kb.retrieve("gasworks")[0].name == "new.md"
    assert sizes(qdrant) == {name: count + 1}
    schema = f"{os.environ['KNOW_STORE_SCHEMA']}_b"
    with KnowledgeBase(Settings.read(**SMALL, store_schema=schema)) as other:
        other.ingest(docs)
        assert len(sizes(qdrant)) == 2
        other.datasets.delete("default")
        other.upkeep.reset()
    assert sizes(qdrant) == {name: count + 1}
    assert kb.upkeep.doctor(offline=True).findings == ()


def test_vectors_elsewhere_are_an_error_until_they_are_moved(
    kb: KnowledgeBase, docs: Path, qdrant: Any
) -> None:
    kb.ingest(docs)
    before = ask(kb)
    with KnowledgeBase(Settings.read(**SMALL, vectors="")) as here:
        for refused in (lambda: ask(here), lambda: here.ingest(docs, force=True)):
            with pytest.raises(VectorsElsewhereError, match="not in the database"):
                refused()
        assert ask(kb) == before
        [told] = here.upkeep.doctor(offline=True).findings
        assert told.code == "index-damaged"
        assert not here.upkeep.doctor(fix=True).damaged
        assert ask(here) == before
        with pytest.raises(VectorsElsewhereError, match="in the database, not at qdrant"):
            ask(kb)
    assert not kb.upkeep.doctor(fix=True).damaged
    assert ask(kb) == before
    kb.upkeep.compact()
    assert list(sizes(qdrant).values()) == [kb.datasets.get("default").chunks]


def test_gc_forgets_what_a_killed_run_had_sent(kb: KnowledgeBase, docs: Path, qdrant: Any) -> None:
    kb.ingest(docs)
    before = sizes(qdrant)
    with kb._shared.store.open() as catalog:
        dataset = catalog.dataset("default")
        index = catalog.index(dataset.key)
        reader = index.open(dataset.vectors)
        ids = [f"{number:032x}" for number in range(3)]
        [(_, vectors)] = reader.vectors(chunk_ids(kb)[:3])
        reader.close()
        index.candidate(dataset.vectors).add(ids, vectors)  # its mark is there
        server = catalog.servers.at(catalog.servers.place)
        server.add(next(iter(before)), [f"{id}.toolate1" for id in ids], vectors, "toolate1")
    [(name, count)] = before.items()
    assert sizes(qdrant) == {name: count + 6}
    assert [one.kind for one in kb.upkeep.remove_leftovers()] == ["candidate"]
    assert sizes(qdrant) == {name: count + 3}
    [stray] = kb.upkeep.remove_leftovers()
    assert (stray.kind, stray.name.split()[0]) == ("orphan-vectors", "3")
    assert sizes(qdrant) == before
    assert kb.upkeep.remove_leftovers() == []


def chunk_ids(kb: KnowledgeBase) -> list[str]:
    with kb._shared.store.open() as catalog, catalog.snapshot() as snapshot:
        return snapshot.chunk_ids(snapshot.dataset("default"))


def test_a_copy_of_the_tables_reads_the_vectors_and_removes_none(
    kb: KnowledgeBase, docs: Path, qdrant: Any
) -> None:
    kb.ingest(docs)
    before, original = ask(kb), sizes(qdrant)
    # What `pg_dump` copies looks so to the copy: another database wrote it.
    another = """jsonb_set(mark::jsonb, '{owner,server}', '"another"')::text"""
    sql(kb, f"UPDATE versions SET mark = {another}")
    assert ask(kb) == before
    write_files(docs, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
    kb.ingest(docs)
    assert kb.retrieve("gasworks")[0].name == "new.md"
    [(name, count)] = original.items()
    added = sizes(qdrant)
    assert added.pop(name) == count
    assert list(added.values()) == [count + 1]
    kb.upkeep.compact()
    kb.upkeep.remove_leftovers()
    kb.datasets.delete("default")
    assert sizes(qdrant) == original


def test_a_reader_whose_connection_was_lost_answers_or_says_what_is_gone(
    kb: KnowledgeBase, docs: Path
) -> None:
    kb.ingest(docs)
    store = kb._shared.store
    dataset = kb.datasets.get("default")
    reader = store.index(dataset.key).open(dataset.vectors)
    question = next(reader.vectors(chunk_ids(kb)[:1]))[1][0]
    found = reader.search(question, 3)
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'knowledge' AND pid <> pg_backend_pid()"
    )
    sql(kb, end)
    assert reader.search(question, 3) == found
    sql(kb, end)
    kb.datasets.delete("default")
    with pytest.raises(DamagedStoreError):
        reader.search(question, 3)
    reader.close()


def test_a_list_of_points_that_was_changed_is_found_and_mended(
    kb: KnowledgeBase, docs: Path
) -> None:
    kb.ingest(docs)
    before = ask(kb)
    for harm in (
        "UPDATE version_points SET content = set_byte(content, 200, 7)",
        "DELETE FROM version_points",
        "UPDATE versions SET mark = '{}'",
    ):
        sql(kb, harm)
        assert [one.code for one in kb.upkeep.doctor(offline=True).findings] == ["index-damaged"]
        assert not kb.upkeep.doctor(fix=True).damaged, harm
        assert ask(kb) == before
        assert kb.upkeep.doctor(offline=True).findings == ()
    kb.upkeep.compact()
    assert kb.upkeep.remove_leftovers() == []
    kb.datasets.delete("default")
    with kb._shared.store.sessions.lent() as session:
        assert session.rows("SELECT 1 FROM versions") == []


def test_tables_of_the_first_format_are_brought_to_this_one(postgres: str, docs: Path) -> None:
    with KnowledgeBase(Settings.read(**SMALL)) as kb:
        kb.ingest(docs)
        before = ask(kb)
        sql(
            kb,
            "DROP TABLE version_points; ALTER TABLE versions DROP COLUMN mark; "
            "UPDATE format SET version = 1",
        )
        kb._shared.store.close()
        assert ask(kb) == before
        assert kb.upkeep.doctor(offline=True).findings == ()
        assert kb.upkeep.places().datasets.versions["format"] == str(VERSION)


def test_a_database_without_pgvector_keeps_what_a_server_does_not(
    kb: KnowledgeBase, docs: Path, postgres_server: Any
) -> None:
    kb.datasets.create("any")
    name = f"plain_{os.environ['KNOW_STORE_SCHEMA']}"
    sql(kb, f"CREATE DATABASE {name} TEMPLATE template0")
    with KnowledgeBase(Settings.read(**SMALL, store=postgres_server.of(name))) as plain:
        plain.ingest(docs)
        write_files(docs, {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
        plain.ingest(docs)
        assert plain.retrieve("gasworks")[0].name == "new.md"
        assert plain.upkeep.doctor(offline=True).findings == ()
        assert plain.upkeep.places().datasets.versions["pgvector"] == "not installed"
        plain.upkeep.reset()


KILLS = [
    (f"knowledge.storage.{target}", moment, number)
    for target, moment, number in (
        ("servers.chroma:ChromaServer.create", "after", 1),
        ("servers.writer:ServerWriter.add", "after", 1),
        ("postgres.elsewhere:PostgresMarks.publish", "after", 1),
        ("postgres.staging:PostgresStaging.publish", "after", 1),
    )
]


@pytest.mark.slow
def test_a_killed_ingest_changes_nothing_and_the_next_one_ends(
    postgres: str, chroma_server: ChromaProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, docs = os.environ["KNOW_STORE_SCHEMA"], tmp_path / "docs"
    monkeypatch.setenv("KNOW_VECTORS", chroma_server.address)
    monkeypatch.setenv("KNOW_COLLECTION_PREFIX", prefix)
    env = programs.environment(
        tmp_path, **{name: value for name, value in os.environ.items() if name.startswith("KNOW_")}
    )
    with DyingWriter(env, tmp_path) as writer, KnowledgeBase(Settings.read(**SMALL)) as kb:
        for turn, (target, moment, number) in enumerate(KILLS):
            before = held(chroma_server, prefix)
            programs.write_folder(docs, 2, 4, seed=turn, prefix=f"new{turn}")
            step = {"target": target, "moment": moment, "number": number}
            assert writer.run(tmp_path / "data", docs, **step) == -signal.SIGKILL, target
            assert not kb.upkeep.doctor(offline=True).damaged, target
            if turn in (0, 1):
                kb.upkeep.remove_leftovers()
                assert held(chroma_server, prefix) == before, target
            kb.ingest(docs, prune=True)
            assert kb.upkeep.doctor(offline=True).findings == (), target
        kb.upkeep.compact()
        kb.upkeep.remove_leftovers()
        assert held(chroma_server, prefix) == [kb.datasets.get("default").chunks]
        with KnowledgeBase.open(tmp_path / "clean", store="", vectors="", **SMALL) as clean:
            clean.ingest(docs)
            same(contents(clean, "default"), contents(kb, "default"))
        kb.datasets.delete("default")
        assert held(chroma_server, prefix) == []


def held(server: ChromaProcess, prefix: str) -> list[int]:
    """Return how many vectors each collection of a prefix holds."""
    return [count for name, count in server.collections().items() if name.startswith(prefix)]
