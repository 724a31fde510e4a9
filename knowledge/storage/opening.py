"""Which kind of store there is: the one place that chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings
    from knowledge.storage.store import Store


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
