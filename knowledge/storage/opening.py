"""Which kind of store there is: the one place that chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings
    from knowledge.storage.store import Store

_DATABASES = ("postgresql://", "postgres://")
_SERVERS = ("chroma+", "qdrant:", "qdrant+")


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name; nothing is made, or looked at, by that."""
    from knowledge.storage.local.layout import DataFolder

    folder = DataFolder.locate(settings["data_dir"])
    if settings["store"]:
        from knowledge.storage.postgres.opening import open_postgres

        return open_postgres(settings, folder.root)
    from knowledge.storage.local.store import LocalStore
    from knowledge.storage.servers.connections import Servers

    return LocalStore(folder, servers=Servers(settings))


def other_store(settings: Settings, store: str) -> Settings:
    """Return settings that name another store.

    Parameters
    ----------
    store:
        ``postgresql://…``, the path of a data folder, or ``local`` for that of the settings. A
        comma and ``chroma+http://…`` or ``qdrant://…`` behind it have a server keep the vectors;
        that alone is ``local`` with it.

    Raises
    ------
    UsageError
        It is none of these, or it can't keep vectors elsewhere.
    """
    place, comma, vectors = store.rpartition(",")
    if store.startswith(_SERVERS):
        place, vectors = "local", store
    elif not (comma and vectors.startswith(_SERVERS)):
        place, vectors = store, ""
    if place == "local":
        return settings.override(store="", vectors=vectors)
    if place.startswith(_DATABASES):
        return settings.override(store=place, vectors=vectors)
    if not place or "://" in place:
        from knowledge.text.masking import masked_urls

        raise UsageError(
            f"there is no store {masked_urls(store)!r}",
            hint="It is postgresql://…, the path of a data folder, or local; with vectors on a "
            "server STORE,qdrant://… or STORE,chroma+http://….",
        )
    return settings.override(store="", vectors=vectors, data_dir=place)
