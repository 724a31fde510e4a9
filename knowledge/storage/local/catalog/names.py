"""The datasets' names alone, fast and without touching anything: for a shell that completes one."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from knowledge.storage.dataset_names import HIDDEN
from knowledge.storage.disk import obstacle
from knowledge.storage.local.catalog.still import open_still

PATIENCE = 0.1  # seconds to wait for a writer; nobody waits for a completion


def dataset_names(catalog: Path) -> list[str]:
    """Return the names in order; none where there is no catalog, or none that can be read."""
    try:
        if not catalog.is_file():
            return []
        with contextlib.closing(
            sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
        ) as connection:
            rows = _names(connection)
    except sqlite3.OperationalError:
        return _names_of_still(catalog)
    except (OSError, sqlite3.Error, UnicodeDecodeError):
        return []
    return rows


def _names(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM datasets ORDER BY name").fetchall()
    return [name for (name,) in rows if not name.startswith(HIDDEN)]


def _names_of_still(catalog: Path) -> list[str]:
    """Return the names from where nothing can be written."""
    if not obstacle(catalog.parent):
        return []
    try:
        with contextlib.closing(open_still(catalog)) as connection:
            return _names(connection)
    except (sqlite3.Error, UnicodeDecodeError):
        return []
