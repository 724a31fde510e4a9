"""Choosing the database: what its address must be, before anything is connected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings
    from knowledge.storage.postgres.store import PostgresStore


def open_postgres(settings: Settings, root: Path) -> PostgresStore:
    """Return the store in the database that the settings name; nothing is connected by that.

    Raises
    ------
    UsageError
        The address is none, or psycopg is not installed.
    UntrustedEndpointError
        A file of the working directory named it, which the user has not trusted.
    """
    from knowledge.storage.postgres.address import SCHEMES, address_of

    if not str(settings["store"]).startswith(SCHEMES):
        raise UsageError(
            "`store` is not an address of a Postgres database",
            hint="Set KNOW_STORE to postgresql://USER@HOST:5432/DATABASE, or leave it empty for "
            "the data folder.",
        )
    address = address_of(settings)
    from knowledge.storage.postgres.store import PostgresStore
    from knowledge.storage.servers.connections import Servers

    return PostgresStore(address, root, Servers(settings))
