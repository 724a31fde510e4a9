"""What a knowledge base is beside its verbs: settings, groups, how it is opened and closed."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from knowledge.files.private import temporary_folder
from knowledge.knowledge_base.datasets import Datasets
from knowledge.knowledge_base.files import Files
from knowledge.knowledge_base.flows import Flows
from knowledge.knowledge_base.models import Models
from knowledge.knowledge_base.shared import Shared, say_nothing
from knowledge.knowledge_base.sharing import Sharing
from knowledge.knowledge_base.upkeep import Upkeep
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.ingestion.request import Notify
    from knowledge.requests import StrPath


class Opened:
    """An open data folder with its groups of methods; :class:`KnowledgeBase` adds the verbs."""

    def __init__(self, settings: Settings, *, notify: Notify = say_nothing) -> None:
        self._shared = Shared(settings, notify=notify)
        self.datasets = Datasets(self._shared)
        self.files = Files(self._shared)
        self.models = Models(self._shared)
        self.sharing = Sharing(self._shared)
        self.upkeep = Upkeep(self._shared)
        self.flows = Flows(self._shared)

    @property
    def settings(self) -> Settings:
        """What decides where a request leaves something open."""
        return self._shared.settings

    @property
    def generations(self) -> dict[str, int]:
        """The generation that each dataset had when it was read last, by the dataset's name.

        Those of a question's datasets are the ones that its hits were taken from.
        """
        return {name: one.generation for name, one in self._shared.seen.items()}

    def forget_generations(self) -> None:
        """Let :attr:`generations` count from now."""
        self._shared.seen.clear()

    @classmethod
    def open(cls, data_dir: StrPath | None = None, **settings: Any) -> Self:
        """Open a knowledge base; nothing is written before something is ingested.

        Parameters
        ----------
        data_dir:
            The data folder; default KNOW_DATA_DIR, else the platform's own.
        settings:
            Any setting by its name, such as ``embedding_model_provider="openai"``; others come
            from the environment, ``.env`` and ``knowledge.yaml``.

        Raises
        ------
        UsageError
            A setting does not exist or does not fit.
        """
        folder = None if data_dir is None else os.fspath(data_dir)
        return cls(Settings.read(data_dir=folder, **settings))

    @classmethod
    def open_archive(
        cls, archive: StrPath, data_dir: StrPath | None = None, **settings: Any
    ) -> Self:
        """Open the datasets of an archive without importing them.

        It is unpacked once, below the data folder; the next opening finds it there. Where that
        can't be written, it is unpacked to a temporary folder, which goes when this is closed.

        Raises
        ------
        PathNotFoundError
            There is no such file.
        DamagedArchiveError
            It is not whole, or was tampered with.
        """
        folder = None if data_dir is None else os.fspath(data_dir)
        return cls(Settings.read(data_dir=folder, **settings)).of_archive(archive)

    def of_archive(self, archive: StrPath) -> Self:
        """Return a knowledge base of what an archive holds; see :meth:`open_archive`."""
        with ExitStack() as stack:

            def spare() -> Path:
                return Path(stack.enter_context(temporary_folder()))

            # Whoever empties our folder would remove the archive's, which lies in it.
            store, notify = self._shared.store, self._shared.notify
            stack.enter_context(store.hold())
            unpacked = store.unpack_archive(Path(archive), notify, spare)
            stack.callback(unpacked.release)
            settings = self.settings.override(data_dir=str(unpacked.folder), vectors="", store="")
            opened = type(self)(settings, notify=notify)
            opened._shared.closing.push(stack.pop_all())
        return opened

    def close(self) -> None:
        """Close what is open; the object can still be used."""
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
