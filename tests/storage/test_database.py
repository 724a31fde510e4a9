"""Opening and migrating the SQLite files."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from knowledge.errors import DamagedStoreError, KnowledgeError, LockedError, NewerStoreError
from knowledge.storage.local.catalog import database, schema
from knowledge.storage.local.catalog.catalog import Catalog
from knowledge.storage.local.catalog.database import add_function, connect, migrate, transaction
from knowledge.storage.local.layout import DataFolder

FIRST = """
    CREATE TABLE animals (name TEXT);
    INSERT INTO animals VALUES ('otter');
"""
SECOND = """
    ALTER TABLE animals ADD COLUMN legs INTEGER;
    CREATE TRIGGER animals_insert AFTER INSERT ON animals BEGIN
        UPDATE animals SET legs = 4 WHERE name = new.name;
    END;
    UPDATE animals SET legs = 4;
"""
BROKEN = """
    CREATE TABLE more (name TEXT);
    INSERT INTO missing VALUES (1);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "test.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as opened:
        yield opened


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate_in_time(
    connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...]
) -> None:
    """Migrate in a thread that is given up when it hangs."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            migrate(connection, path, migrations)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=60)
    if thread.is_alive():
        connection.interrupt()
        pytest.fail("the migration hangs")
    if errors:
        raise errors[0]


def test_an_empty_database_becomes_the_current_version(
    connection: sqlite3.Connection, path: Path
) -> None:
    assert version(connection) == 0
    migrate(connection, path, (FIRST, SECOND))
    assert version(connection) == 2
    assert [tuple(row) for row in connection.execute("SELECT * FROM animals")] == [("otter", 4)]
    assert [file.name for file in path.parent.glob("*.bak")] == []


def test_a_current_database_is_left_alone(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (FIRST,))
    migrate(connection, path, (FIRST,))
    assert connection.execute("SELECT count(*) FROM animals").fetchone()[0] == 1


def test_an_older_database_is_backed_up_first(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (FIRST,))
    migrate_in_time(connection, path, (FIRST, SECOND))
    assert version(connection) == 2
    connection.execute("INSERT INTO animals (name) VALUES ('heron')")
    assert connection.execute("SELECT sum(legs) FROM animals").fetchone()[0] == 8
    with closing(sqlite3.connect(path.with_name("test.db.v1.bak"))) as backup:
        assert version(backup) == 1
        assert backup.execute("SELECT * FROM animals").fetchall() == [("otter",)]


def test_a_newer_database_is_refused(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (FIRST, SECOND))
    with pytest.raises(NewerStoreError, match="format 2") as caught:
        migrate(connection, path, (FIRST,))
    assert caught.value.exit_code == 7
    assert "pgrade" in caught.value.hint
    assert version(connection) == 2


def test_a_migration_that_fails_leaves_the_old_version(
    connection: sqlite3.Connection, path: Path
) -> None:
    migrate(connection, path, (FIRST,))
    with pytest.raises(KnowledgeError):
        migrate_in_time(connection, path, (FIRST, BROKEN))
    assert version(connection) == 1
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "more" not in tables


def test_another_process_that_migrated_first_is_noticed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is 0 when we look, and current when we have the write lock."""
    real = database.transaction
    with closing(connect(path)) as late, closing(connect(path)) as early:

        def transaction_after_the_other(connection, path, **options):
            monkeypatch.setattr(database, "transaction", real)
            migrate(early, path, (FIRST,))
            return real(connection, path, **options)

        monkeypatch.setattr(database, "transaction", transaction_after_the_other)
        migrate_in_time(late, path, (FIRST,))
        assert version(late) == 1
        assert late.execute("SELECT count(*) FROM animals").fetchone()[0] == 1
    assert list(path.parent.glob("*.bak")) == []


def test_the_catalog_is_made_with_all_migrations(tmp_path: Path) -> None:
    with Catalog(DataFolder(tmp_path)) as catalog:
        assert version(catalog.connection) == schema.VERSION == len(schema.MIGRATIONS)
        mode = catalog.connection.execute("PRAGMA journal_mode").fetchone()[0]
        assert mode == "wal"


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with Catalog(folder) as catalog:
        catalog.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(NewerStoreError, match="99"):
        Catalog(folder)


def test_a_transaction_rolls_back_on_any_error(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, (FIRST,))
    for durable in (False, True):
        with pytest.raises(KeyboardInterrupt), transaction(connection, path, durable=durable):
            connection.execute("DELETE FROM animals")
            raise KeyboardInterrupt
        assert connection.execute("SELECT count(*) FROM animals").fetchone()[0] == 1
        assert not connection.in_transaction


def test_sqlites_errors_become_ours(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(connect(path)) as one, closing(connect(path)) as other:
        migrate(one, path, (FIRST,))
        with transaction(one, path), pytest.raises(LockedError), transaction(other, path):
            pass
        one.execute("PRAGMA max_page_count = 1")
        with pytest.raises(KnowledgeError, match="full") as caught, transaction(one, path):
            one.execute("INSERT INTO animals VALUES (hex(randomblob(100000)))")
        assert caught.value.exit_code == 1


@pytest.mark.parametrize("raised", [ZeroDivisionError("by zero"), KeyboardInterrupt()])
def test_what_a_function_of_ours_raises_is_no_damage(
    connection: sqlite3.Connection, path: Path, raised: BaseException
) -> None:
    def shout(text: str) -> str:
        if text == "otter":
            raise raised
        return text.upper()

    migrate(connection, path, (FIRST,))
    add_function(connection, "shout", 1, shout)
    with pytest.raises(type(raised)) as caught, transaction(connection, path):
        connection.execute("UPDATE animals SET name = shout(name)")
    assert caught.value is raised
    assert not connection.in_transaction
    with transaction(connection, path):
        connection.execute("INSERT INTO animals VALUES (shout('stoat'))")
    assert [row[0] for row in connection.execute("SELECT name FROM animals")] == ["otter", "STOAT"]
    with pytest.raises(DamagedStoreError), transaction(connection, path):
        connection.execute("UPDATE animals SET name = shout(CAST(x'ff' AS TEXT))")


def test_garbage_is_no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(DamagedStoreError, match=r"test\.db"):
        connect(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KnowledgeError, match="data folder") as caught:
        connect(tmp_path / "file" / "below" / "test.db")
    assert caught.value.exit_code == 1
    assert "KNOW_DATA_DIR" in caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="Windows locks files in its own way")
def test_a_folder_in_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(KnowledgeError, match=r"test\.db"):
        connect(path)
