"""The text of single documents, without a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.knowledge_base.opened import Opened, StrPath

if TYPE_CHECKING:
    from knowledge.ingestion.source_text import SourceText


class Loading(Opened):
    """What a loader gives of a file or page."""

    def load(
        self,
        source: StrPath,
        *,
        content: bytes | None = None,
        passwords: Sequence[str] = (),
    ) -> SourceText:
        """Read one document as an ingest would; no dataset and no data folder is touched.

        Parameters
        ----------
        source:
            A path or a URL; a name that tells the kind when there is ``content``.
        content:
            The bytes themselves.
        passwords:
            Tried on a protected file.

        Raises
        ------
        KnowledgeError
            It does not exist, can't be fetched or read, is of no known kind, or holds no text.
        """
        from knowledge.ingestion.source_text import load_source

        self._warn_of_passwords()
        return load_source(
            os.fspath(source),
            self.settings,
            content=content,
            passwords=tuple(passwords),
        )
