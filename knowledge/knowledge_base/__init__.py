"""The facade that composes the rooms: what Python users and the command line call.

One file for each family of methods; :class:`KnowledgeBase` puts them together.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from knowledge.files.private import temporary_folder
from knowledge.knowledge_base.asking import Asking
from knowledge.knowledge_base.datasets import Datasets
from knowledge.knowledge_base.embedding import Embedding
from knowledge.knowledge_base.evaluating import Evaluating
from knowledge.knowledge_base.files import Files
from knowledge.knowledge_base.loading import Loading
from knowledge.knowledge_base.opened import StrPath
from knowledge.knowledge_base.sharing import Sharing
from knowledge.knowledge_base.upkeep import Upkeep
from knowledge.knowledge_base.watching import Watching
from knowledge.settings.reading import Settings

__all__ = ["KnowledgeBase", "StrPath"]


class KnowledgeBase(
    Watching, Asking, Evaluating, Datasets, Files, Embedding, Sharing, Loading, Upkeep
):
    """All datasets of one data folder; a context manager.

    Readers need no lock and see the last published state. Methods that write take the lock of
    the dataset they write to. One object is for one thread at a time.

    Parameters
    ----------
    settings:
        As :meth:`Settings.read` gives them; :meth:`open` is the easier way.
    notify:
        Told what is worth a line while a method works.
    """

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
            stack.enter_context(self.store.hold())
            unpacked = self.store.unpack_archive(Path(archive), self._notify, spare)
            stack.callback(unpacked.release)
            settings = self.settings.override(data_dir=str(unpacked.folder))
            opened = type(self)(settings, notify=self._notify)
            opened._closing.push(stack.pop_all())
        return opened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
