"""The store in a Postgres database: connections, rights, formats, and what is damaged."""

from __future__ import annotations

import random
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import (
    DamagedStoreError,
    LockedError,
    NewerStoreError,
    StoreServerError,
    UntrustedEndpointError,
    UsageError,
)
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.opening import open_store
from knowledge.storage.store import Store
from knowledge.text.masking import masked_urls
from tests.conftest import CORPUS, ROOT, write_files
from tests.durability import programs
from tests.durability.contents import contents, same
from tests.durability.dying_writer import DyingWriter

QUESTION = "How often is the signing key rotated?"
IDS = [f"{number:032x}" for number in range(400)]


@pytest.fixture
def kb(postgres: str, tmp_path: Path) -> Iterator[KnowledgeBase]:
    write_files(tmp_path / "docs", CORPUS)
    with KnowledgeBase(Settings.read(embedding_model_provider="static")) as opened:
        opened.ingest(tmp_path / "docs")
        yield opened


def session(store: Store):
    return store.sessions.lent()


def ask(kb: KnowledgeBase) -> list[tuple[str, float]]:
    return [(hit.name, hit.score) for hit in kb.retrieve(QUESTION)]


def store_at(address: str, **more: object) -> Store:
    return open_store(Settings.read(store=address, **more))


# --- the address


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("postgresql://me:s3cret@db.example:5433/library", "postgresql://db.example:5433/library"),
        ("postgres://db.example/library?password=s3cret", "postgresql://db.example/library"),
        ("postgresql://me:s3%2Fcret@a:1,b:2/x", "postgresql://a:1,b:2/x"),
        ("postgresql:///library?host=/run/pg&user=me", "postgresql:///library?host=/run/pg"),
        ("postgresql://?service=s3&password=s3cret", "postgresql service 's3'"),
    ],
)
def test_a_place_is_shown_without_a_login(address: str, place: str) -> None:
    store = store_at(address)
    assert store.place == place
    assert "s3cret" not in repr(store.address)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"store": "mysql://localhost/x"}, "address of a Postgres"),
        ({"store": "postgresql://me:s3cret%zz@localhost/x"}, "can be read"),
        ({"store": "postgresql://me:no/s3cret@localhost/x"}, "can be read"),
        ({"store": "postgresql://me:no@s3cret@localhost/x"}, "can be read"),
        ({"store": "postgresql://localhost/x?passwrd=s3cret"}, "can be read"),
        ({"store": "postgresql://localhost/x", "store_schema": "a b"}, "store_schema"),
        ({"store": "postgresql://localhost/x", "store_schema": "pg_x"}, "store_schema"),
    ],
)
def test_settings_that_can_be_no_store_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_store(Settings.read(**settings))
    assert "s3cret" not in caught.value.in_full


@pytest.mark.parametrize("password", ["s3cret", "no/s3cret", "no@s3cret", "no?s3cret"])
def test_no_part_of_a_password_is_shown_that_is_not_escaped(password: str) -> None:
    assert "s3cret" not in masked_urls(f"postgresql://me:{password}@localhost/x")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example/x",
        "postgresql:///x",  # PGHOST may name anything
        "postgresql://localhost/x?hostaddr=10.0.0.1",
        "postgresql://localhost,db.example/x",
        "postgresql://localhost/x?passfile=/tmp/mine",
        "postgresql:///?service=theirs",
    ],
)
def test_a_folder_can_name_no_database_of_another_machine(address: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"KNOW_STORE={address}\n")
    with pytest.raises(UntrustedEndpointError):
        open_store(Settings.read(folder=tmp_path))
    assert open_store(Settings.read(folder=tmp_path, environ={"KNOW_TRUST_PROJECT": "1"})).root
    (tmp_path / ".env").write_text("KNOW_STORE=postgresql://me@127.0.0.1:5432/x\n")
    assert open_store(Settings.read(folder=tmp_path)).place == "postgresql://127.0.0.1:5432/x"


def test_a_password_is_shown_nowhere(run, monkeypatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"postgresql://me:s3cret@127.0.0.1:{free.getsockname()[1]}/library"
        monkeypatch.setenv("KNOW_STORE", address)
        for line in (
            ("config", "--json"),
            ("config",),
            ("list-datasets", "--json"),
            ("status",),
            ("doctor", "--json"),
            ("retrieve", "x", "--debug"),
        ):
            done = run(*line)
            assert "s3cret" not in done.out + done.err, line
    failed = run("list-datasets", "--json")
    assert (failed.code, failed.json["error"]["code"]) == (5, "store-server")
    checked = run("doctor", "--json")
    found = checked.json["findings"]
    assert "store-unreachable" in [finding["code"] for finding in found]
    assert (checked.code, checked.json["damaged"]) == (5, False)
    *_, last = run("doctor").out.splitlines()
    assert last.startswith("incomplete")


# --- what may be missing


def test_a_password_that_the_server_repeats_is_not_shown_either(monkeypatch) -> None:
    psycopg = pytest.importorskip("psycopg")
    from knowledge.storage.postgres.address import Address
    from knowledge.storage.postgres.failures import refused, translated_error

    monkeypatch.setenv("PGPASSWORD", "herring-herring")
    address = Address("postgresql://me:swordfish-42@host/db", "postgresql://host/db", "knowledge")
    said = "no login swordfish-42, herring-herring, \x1b[2J" + "x" * 5_000
    error = psycopg.OperationalError(said)
    for told in (refused(error, address), translated_error(error, address)):
        assert "no login" in told.message
        assert "swordfish" not in told.message
        assert "herring" not in told.message
        assert "\x1b" not in told.message
        assert len(told.message) < 500


def test_what_is_missing_is_said_with_a_remedy(postgres_server) -> None:
    cases = {
        postgres_server.of("nowhere"): "no such database",
        postgres_server.of("postgres", user="nobody_here"): "login was refused",
        "postgresql://postgres@/postgres?host=/nowhere": "can't be reached",
    }
    for address, said in cases.items():
        with pytest.raises(StoreServerError, match=said) as caught:
            store_at(address).open()
        assert caught.value.hint


def test_rights_and_extensions_are_asked_for(postgres_server, postgres_store) -> None:
    with session(postgres_store) as admin:
        admin.script("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
        for name in ("bare", "latin"):
            admin.script(f"DROP DATABASE IF EXISTS {name}")
        admin.script("CREATE DATABASE bare")
        admin.script("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    stranger = store_at(postgres_server.of("bare", user="reader"))
    with pytest.raises(StoreServerError, match="no right to make the schema") as caught:
        stranger.open()
    assert 'AUTHORIZATION "reader"' in caught.value.hint
    assert str(stranger.places().error) == str(caught.value)
    with store_at(postgres_server.of("bare")).sessions.lent() as owner:
        owner.script("GRANT CREATE ON DATABASE bare TO reader")
    with pytest.raises(StoreServerError, match="lacks the extension") as caught:
        stranger.open()
    assert "CREATE EXTENSION vector" in caught.value.hint
    assert str(stranger.places().error) == str(caught.value)
    with store_at(postgres_server.of("bare")).sessions.lent() as owner:
        owner.script("CREATE EXTENSION vector SCHEMA public")
        owner.script("REVOKE CREATE ON DATABASE bare FROM reader")
        owner.script("CREATE SCHEMA given; GRANT USAGE, CREATE ON SCHEMA given TO reader")
    prepared = store_at(postgres_server.of("bare", user="reader"), store_schema="given")
    with prepared.open() as catalog:
        assert catalog.create("one").name == "one"
    prepared.close()
    with pytest.raises(StoreServerError, match="LATIN1"):
        store_at(postgres_server.of("latin")).open()


def test_a_newer_schema_is_refused_and_two_may_make_one(postgres_store: Store, postgres) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(4)

    def first() -> None:
        store = open_store(Settings.read())
        together.wait()
        try:
            store.open().close()
        except BaseException as error:
            failed.append(error)
        store.close()

    threads = [threading.Thread(target=first) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with session(postgres_store) as sql:
        sql.change("UPDATE format SET version = 1000")
    with pytest.raises(NewerStoreError):
        postgres_store.open()
    with pytest.raises(NewerStoreError):
        postgres_store.exists()
    assert postgres_store.names() == []


def test_who_connected_before_there_was_a_schema_reads_what_another_machine_made(
    postgres_server, tmp_path: Path
) -> None:
    with session(store_at(postgres_server.address)) as admin:
        admin.script("DROP DATABASE IF EXISTS fresh")
        admin.script("CREATE DATABASE fresh")
    write_files(tmp_path / "docs", CORPUS)
    settings = {"store": postgres_server.of("fresh"), "embedding_model_provider": "static"}
    with (
        KnowledgeBase(Settings.read(**settings)) as early,
        KnowledgeBase(Settings.read(**settings)) as maker,
    ):
        assert early.datasets.list() == []
        waiting = early._shared.store.sessions.take()
        maker.ingest(tmp_path / "docs")
        early._shared.store.sessions.give(waiting)
        assert ask(early) == ask(maker)


def test_emptying_leaves_what_others_keep_in_the_schema(kb: KnowledgeBase, tmp_path: Path) -> None:
    store = kb._shared.store
    with session(store) as sql:
        sql.script("CREATE TABLE theirs (n int)")
    assert "chunks" in kb.upkeep.contents()
    kb.upkeep.reset()
    assert not store.exists()
    with session(store) as sql:
        assert sql.one("SELECT to_regclass('theirs') IS NOT NULL") == (True,)
    kb.ingest(tmp_path / "docs")
    with session(store) as sql:
        sql.script("DROP TABLE theirs")
    kb.upkeep.reset()
    with session(store) as sql:
        schema = store.address.schema
        assert sql.one("SELECT to_regnamespace(?) IS NULL", (schema,)) == (True,)


# --- connections that are lost


def cut(store: Store, *, but: int = 0) -> None:
    """End all other connections of our schema's database."""
    with session(store) as sql:
        sql.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND application_name = 'knowledge' AND pid <> ?",
            (but,),
        )


def test_a_question_survives_a_lost_connection(kb: KnowledgeBase, postgres) -> None:
    before = ask(kb)
    other = open_store(Settings.read())
    for _ in range(2):
        cut(other)
        assert ask(kb) == before
    other.close()


def test_a_server_whose_machine_is_gone_is_given_up(kb: KnowledgeBase) -> None:
    with session(kb._shared.store) as sql:
        asked = sql._connection.info.get_parameters()
    assert 0 < int(asked["keepalives_idle"]) <= 60
    assert 0 < int(asked["tcp_user_timeout"]) <= 120_000


def test_a_run_without_its_connection_fails_and_the_next_one_ends(
    kb: KnowledgeBase, postgres, tmp_path: Path
) -> None:
    before, other = ask(kb), open_store(Settings.read())
    with kb._shared.store.open() as catalog:
        with pytest.raises(StoreServerError):
            with catalog.write_run("default", lock_timeout=0, notify=print) as run:
                with catalog.snapshot() as snapshot:
                    dataset = snapshot.dataset("default")
                    file = next(iter(snapshot.files(dataset)))
                run.remove_file(file)
                cut(other)
                run.publish(dataset.embedding, dataset.splitter)
    assert ask(kb) == before
    kb.ingest(tmp_path / "docs", force=True)
    assert ask(kb) == before
    assert kb.upkeep.doctor(offline=True).findings == ()
    other.close()


HOLDER = """
from knowledge.settings.reading import Settings
from knowledge.storage.opening import open_store

with open_store(Settings.read()).open() as catalog, catalog.lock("key", "name", 0, print):
    print("held", flush=True)
    catalog.session.rows("SELECT pg_sleep(600)")
"""


@pytest.mark.slow
def test_a_lock_ends_with_its_holder_in_the_middle_of_a_statement(
    postgres_store: Store, postgres: str, tmp_path: Path
) -> None:
    schema = postgres_store.address.schema
    env = programs.environment(tmp_path, KNOW_STORE=postgres, KNOW_STORE_SCHEMA=schema)
    with postgres_store.open() as catalog:
        with programs.started([sys.executable, "-c", HOLDER], env, cwd=ROOT) as holder:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(LockedError, match=f"by process {holder.pid} on "):
                with catalog.lock("key", "name", 0, print):
                    pass
            holder.kill()
            with catalog.lock("key", "name", 300, print):
                pass


# --- the cache


def test_caches_that_are_full_do_not_wait_for_each_other_in_a_circle(
    postgres_store: Store,
) -> None:
    postgres_store.open().close()
    rows = {bytes([key]) * 32: np.full(64, key, np.float32) for key in range(200)}
    failed: list[BaseException] = []

    def put(number: int) -> None:
        chance = random.Random(number)
        cache = postgres_store.open_cache(20_000)
        try:
            for _ in range(25):
                keys = chance.sample(sorted(rows), 60)
                cache.put_many(f"model {chance.randrange(2)}", {key: rows[key] for key in keys})
        except BaseException as error:
            failed.append(error)
        cache.close()

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    stats = postgres_store.cache_stats(20_000)
    assert 0 < stats.bytes <= 20_000
    with session(postgres_store) as sql:
        assert sql.one("SELECT sum(bytes)::bigint FROM cache_models") == (stats.bytes,)


# --- vectors


def vectors(dimensions: int, rows: int = len(IDS)) -> np.ndarray:
    found = np.random.default_rng(1).normal(size=(rows, dimensions)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize(("dimensions", "indexed"), [(8, True), (2_100, True), (4_100, False)])
def test_many_vectors_are_searched_by_an_index_of_the_right_operator(
    postgres_store: Store, monkeypatch, dimensions: int, indexed: bool
) -> None:
    from knowledge.storage.postgres import nearest, versions
    from knowledge.storage.postgres import vectors as module

    monkeypatch.setattr(module, "EXACT_BYTES", 0)
    monkeypatch.setattr(nearest, "DEEP", 2)
    postgres_store.open().close()
    index, rows = postgres_store.index("handbook-1"), vectors(dimensions)
    writer = index.candidate(0)
    writer.add(IDS, rows)
    writer.flush()
    index.publish(1, {"key": "handbook-1", "generation": 1})
    reader = index.open(1)
    found = reader.search(rows[7], 10)
    assert found[0][0] == IDS[7]
    cosines = rows @ rows[7]
    assert [cosine for _, cosine in found] == pytest.approx(
        cosines[[IDS.index(id) for id, _ in found]].tolist(), abs=1e-5
    )
    among = reader.search(rows[7], 3, among=IDS[100:110])
    assert [id for id, _ in among] == [IDS[100 + at] for at in np.argsort(-cosines[100:110])[:3]]
    with session(postgres_store) as sql:
        version = versions.owned(sql, "handbook-1", 1)
        assert nearest.has_hnsw(sql, version.table) is indexed
        if indexed:
            with sql.transaction():
                nearest.use_index(sql, 10)
                question = nearest.literal(rows[7])
                plan = sql.rows(f"EXPLAIN {nearest.nearest(version)}", (question, 20, question, 10))
            assert f"Index Scan using {version.table}_hnsw" in "\n".join(line for (line,) in plan)
    reader.close()


# --- what is damaged


def harm_text(sql, vectors: str) -> None:
    sql.change("UPDATE chunks SET text = 'Never rotate it.' WHERE position('90 days' IN text) > 0")


def harm_lists(sql, vectors: str) -> None:
    sql.change("DELETE FROM postings WHERE term = 'key'")


def harm_counts(sql, vectors: str) -> None:
    sql.change("UPDATE datasets SET chunks = 77")


def harm_files(sql, vectors: str) -> None:
    sql.change("DELETE FROM files WHERE name = 'keys.md'")


def lose_vector(sql, vectors: str) -> None:
    sql.change(f"DELETE FROM {vectors} WHERE id = (SELECT min(id) FROM {vectors})")


def add_vector(sql, vectors: str) -> None:
    sql.change(
        f"INSERT INTO {vectors} SELECT 'other', added, removed, vector FROM {vectors} LIMIT 1"
    )


def lose_table(sql, vectors: str) -> None:
    sql.script(f"DROP TABLE {vectors}")


DAMAGE = {
    "text-damaged": harm_text,
    "fulltext-damaged": harm_lists,
    "rows-damaged": harm_counts,
    "index-damaged": lose_vector,
    "index-damaged 2": add_vector,
    "index-damaged 3": lose_table,
}


@pytest.mark.parametrize("code", DAMAGE)
def test_doctor_mends_what_does_not_fit(kb: KnowledgeBase, code: str) -> None:
    before = ask(kb)
    assert kb.upkeep.doctor(offline=True).findings == ()
    with session(kb._shared.store) as sql:
        [(number,)] = sql.rows("SELECT id FROM vector_tables")
        DAMAGE[code](sql, f"vectors_{number}")
    findings = kb.upkeep.doctor(offline=True).findings
    assert code.split()[0] in [finding.code for finding in findings]
    assert not any("it makes a backup" in finding.remedy for finding in findings)
    report = kb.upkeep.doctor(fix=True)
    assert not report.damaged, report.findings
    assert report.backup is None
    assert report.versions["pgvector"]
    assert kb.upkeep.doctor(offline=True).findings == ()
    assert ask(kb) == before


def test_a_text_that_was_changed_is_shown_nowhere(kb: KnowledgeBase, tmp_path: Path) -> None:
    """A chunk's id is the hash of its text, whoever wrote it into the database."""
    chunk = kb.retrieve(QUESTION)[0].chunk.id
    with session(kb._shared.store) as sql:
        harm_text(sql, "")
    for shown in (
        lambda: kb.retrieve(QUESTION),
        lambda: kb.show_chunk(chunk),
        lambda: kb.similar(chunk),
        lambda: kb.files.get("keys.md", "default"),
        lambda: kb.sharing.export("default", tmp_path / "out.zip"),
    ):
        with pytest.raises(DamagedStoreError):
            shown()
    assert not (tmp_path / "out.zip").exists()


def test_who_holds_a_lock_may_say_anything(kb: KnowledgeBase) -> None:
    """The row may have been written by anybody who may write to the schema."""
    asked = {"lock_timeout": 0, "notify": print}
    with kb._shared.store.open() as catalog, catalog.write_run("default", **asked):
        for said in ("[" * 50_000, "7", "{}", '{"host": "\x1b[2J", "command": [], "pid": 1e400}'):
            with session(kb._shared.store) as sql:
                sql.change("UPDATE locks SET holder = ?", (said,))
            with (
                pytest.raises(LockedError) as locked,
                kb._shared.store.open() as other,
                other.write_run("default", **asked),
            ):
                pass
            assert locked.value.message.isprintable()
            assert len(locked.value.message) < 1_000


def test_a_chunk_whose_file_is_gone_goes_and_comes_back(kb: KnowledgeBase, tmp_path: Path) -> None:
    before = ask(kb)
    with session(kb._shared.store) as sql:
        harm_files(sql, "")
    assert not kb.upkeep.doctor(fix=True).damaged
    kb.ingest(tmp_path / "docs")
    assert ask(kb) == before


def test_leftovers_of_a_killed_run_go(kb: KnowledgeBase) -> None:
    store = kb._shared.store
    with store.open() as catalog:
        dataset = catalog.dataset("default")
        catalog.staging(dataset).remove_file("x")
        writer = catalog.index(dataset.key).candidate(dataset.vectors)
        writer.add(["a" * 32], vectors(dataset.embedding.dimensions, 1))
        writer.flush()
        catalog.change("DELETE FROM datasets WHERE name = 'gone'")
        catalog.index("gone-1").candidate(0).add(["b" * 32], vectors(4, 1))
    found = {one.kind for one in kb.upkeep.remove_leftovers(dry_run=True)}
    assert found == {"staged-rows", "candidate", "orphan-vectors"}
    kb.upkeep.remove_leftovers()
    assert kb.upkeep.remove_leftovers(dry_run=True) == []
    assert kb.upkeep.doctor(offline=True).findings == ()


def test_many_small_publishes_keep_few_segments(kb: KnowledgeBase, tmp_path: Path) -> None:
    for number in range(12):
        write_files(tmp_path / "docs", {f"more{number}.md": f"# More\n\nA note, number {number}."})
        kb.ingest(tmp_path / "docs" / f"more{number}.md")
    with session(kb._shared.store) as sql:
        assert sql.one("SELECT count(*) FROM segments")[0] <= 9
        [(rows,)] = sql.rows("SELECT sum(length(rows)) / 4 FROM postings WHERE term = 'number'")
    assert rows == 12
    assert len(kb.retrieve("number", mode="keyword", top_k=100)) == 12
    assert kb.upkeep.doctor(offline=True).findings == ()


def test_paths_that_fit_no_index_are_kept(kb: KnowledgeBase, tmp_path: Path) -> None:
    from knowledge.requests import InlineText

    name = "https://example.org/" + "x" * 6_000
    kb.ingest(inline=[InlineText(name, b"A long address has a short text.")])
    assert kb.retrieve("long address")[0].text.startswith("A long address")
    with kb._shared.store.open() as catalog, catalog.snapshot() as snapshot:
        listed = [file.path for file in snapshot.files(snapshot.dataset("default"))]
    assert listed == sorted(listed)


@pytest.mark.slow
def test_a_dump_answers_alike_in_another_database_and_schema(
    kb: KnowledgeBase, postgres_server, tmp_path: Path
) -> None:
    schema = kb._shared.store.address.schema
    with session(kb._shared.store) as admin:
        admin.script("CREATE DATABASE restored")
    copy = postgres_server.of("restored")
    dump = postgres_server.run("pg_dump", "-n", schema, postgres_server.address)
    rename = f"ALTER SCHEMA {schema} RENAME TO moved;".encode()
    for statements in (b"CREATE EXTENSION vector;", dump, rename):
        postgres_server.run("psql", "-qX", "-v", "ON_ERROR_STOP=1", copy, given=statements)
    settings = Settings.read(store=copy, store_schema="moved", embedding_model_provider="static")
    with KnowledgeBase(settings) as restored:
        assert restored.upkeep.doctor(offline=True).findings == ()
        same(contents(restored, "default"), contents(kb, "default"))
        assert restored.ingest(tmp_path / "docs").files == kb.ingest(tmp_path / "docs").files
        write_files(tmp_path / "docs", {"new.md": "# Parking\n\nPark behind the gasworks.\n"})
        restored.ingest(tmp_path / "docs")
        assert restored.retrieve("gasworks")[0].name == "new.md"


# --- every command, and kills


@pytest.mark.slow
def test_every_command_works(postgres: str, run, corpus: Path, tmp_path: Path) -> None:
    archive, questions = tmp_path / "moved.zip", tmp_path / "questions.jsonl"
    questions.write_text(f'{{"question": "{QUESTION}", "file": "keys.md"}}\n')
    added = corpus / "new.md"
    lines: list[tuple[object, ...]] = [
        ("list-datasets",),
        ("status",),
        ("create-dataset", "default", "--metadata", "team=blue"),
        ("ingest", corpus),
        ("ingest", corpus, "--dry-run"),
        ("ingest", corpus, "--force"),
        ("watch", corpus, "--once"),
        ("retrieve", QUESTION, "--mmr", "0.5", "--context", "1"),
        ("retrieve", QUESTION, "--mode", "dense", "--where", "name = keys.md"),
        ("askdir", QUESTION, "-p", corpus),
        ("similar", corpus / "keys.md"),
        ("eval", "default", "--queries", questions),
        ("get-dataset", "default"),
        ("edit-dataset", "default", "--update-metadata", "team=red"),
        ("list-files",),
        ("list-chunks",),
        ("get-file", "keys.md"),
        ("edit-file", "keys.md", "--metadata", "kind=rule"),
        ("copy-dataset", "default", "copy"),
        ("rename-dataset", "copy", "moved"),
        ("merge-datasets", "default", "moved", "--into", "both"),
        ("export", "moved", "--output", archive),
        ("import", archive, "--as", "again"),
        ("retrieve", QUESTION, "--archive", archive),
        ("reembed", "moved", "--embedding-model-provider", "static", "--force"),
        ("delete-file", "keys.md", "--dataset", "again"),
        ("history", "default"),
        ("cache", "stats"),
        ("compact",),
        ("doctor",),
        ("doctor", "--fix"),
        ("gc",),
        ("cache", "clear"),
        ("delete-dataset", "both", "--yes"),
        ("config",),
        ("reset", "--yes"),
    ]
    for line in lines:
        if line[0] == "watch":
            write_files(corpus, {added.name: "# Parking\n\nPark behind the gasworks.\n"})
        done = run(*line, "--json") if line[0] != "ingest" else run(*line)
        assert done.code == 0, (line, done.out, done.err)
        if line[0] == "status":
            assert done.json["store"] == open_store(Settings.read()).place
    assert not (tmp_path / "data" / "catalog.db").exists()


KILLS = [
    (f"knowledge.storage.postgres.{target}", moment, number)
    for target, moment, number in (
        ("locks:write_lock", "after", 1),
        ("staging:PostgresStaging.write_files", "after", 1),
        ("vectors:PostgresWriter.add", "after", 1),
        ("vectors:PostgresVectors.publish", "after", 1),
        ("postings:merge", "after", 1),
        ("staging:PostgresStaging.publish", "after", 1),
    )
]


@pytest.mark.slow
def test_a_killed_ingest_changes_nothing_and_the_next_one_ends(
    postgres: str, tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    programs.write_folder(docs, 3, 4, seed=1)
    env = programs.environment(
        tmp_path,
        KNOW_STORE=postgres,
        KNOW_STORE_SCHEMA=Settings.read()["store_schema"],
    )
    settings = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
    with (
        DyingWriter(env, tmp_path) as writer,
        KnowledgeBase(Settings.read(**settings)) as kb,
    ):
        kb.ingest(docs)
        for turn, (target, moment, number) in enumerate(KILLS):
            before = everything(kb)
            programs.write_folder(docs, 1, 4, seed=10 + turn)
            programs.write_folder(docs, 1, 2, seed=100 + turn, prefix=f"new{turn}")
            step = {"target": target, "moment": moment, "number": number}
            assert writer.run(tmp_path / "data", docs, **step) == -signal.SIGKILL, target
            after = everything(kb)
            assert not kb.upkeep.doctor(offline=True).damaged, target
            if target.endswith("Staging.publish"):
                assert after != before
            else:
                assert after == before, target
            kb.ingest(docs, prune=True)
            assert kb.upkeep.doctor(offline=True).findings == (), target
        with KnowledgeBase.open(tmp_path / "clean", store="", **settings) as clean:
            clean.ingest(docs)
            assert everything(clean) == everything(kb)


def everything(kb: KnowledgeBase) -> set[tuple[str, str]]:
    return {(hit.file, hit.text) for hit in kb.retrieve("amber basil cedar", top_k=500)}


def test_other_programs_do_not_get_the_password() -> None:
    from knowledge.settings.reading import environ_without_secrets

    with_login = {"KNOW_STORE": "postgresql://me:s3cret@db/x", "HTTP_PROXY": "http://a:b@c"}
    with_login["PGPASSWORD"] = "s3cret"
    assert environ_without_secrets(with_login) == {"HTTP_PROXY": "http://a:b@c"}
    plain = {"KNOW_STORE": "postgresql://db/x"}
    assert environ_without_secrets(plain) == plain
