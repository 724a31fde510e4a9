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
        ``postgresql://…``, the path of a data folder, or ``local`` for that of the settings;
        ``chroma+http://…`` or ``qdrant://…`` is that with the vectors on a server.

    Raises
    ------
    UsageError
        It is none of these, or it can't keep vectors elsewhere.
    """
    if store == "local":
        return settings.override(store="", vectors="")
    if store.startswith(_DATABASES):
        return settings.override(store=store, vectors="")
    if store.startswith(_SERVERS):
        return settings.override(store="", vectors=store)
    if not store or "://" in store:
        from knowledge.text.masking import masked_urls

        raise UsageError(
            f"there is no store {masked_urls(store)!r}",
            hint="It is postgresql://…, chroma+http://…, qdrant://…, the path of a data folder, or "
            "local.",
        )
    return settings.override(store="", vectors="", data_dir=store)
