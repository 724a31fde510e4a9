"""The verbs that need no dataset: what can be done with texts and one document alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from knowledge.knowledge_base.checked import checked
from knowledge.knowledge_base.opened import Opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.ingestion.source_text import SourceText
    from knowledge.knowledge_base.models import Refused
    from knowledge.requests import StrPath


class Texts(Opened):
    """Read, embed, compare and rerank texts; :class:`KnowledgeBase` adds the datasets."""

    @checked
    def load(
        self, source: StrPath, *, content: bytes | None = None, passwords: Sequence[str] = ()
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

        self._shared.warn_of_passwords()
        return load_source(
            os.fspath(source), self.settings, content=content, passwords=tuple(passwords)
        )

    @checked
    def embed(
        self, texts: Iterable[str], *, query: bool = False, on_refused: Refused | None = None
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield each text with its unit vector, shape (dimensions,), as they come.

        Parameters
        ----------
        query:
            Embed questions, not documents; many models tell them apart.
        on_refused:
            Called with each text that the provider refuses while it takes others: its number from
            0, the text, and why. It is left out then. Without this the first such text ends all.

        Raises
        ------
        UsageError
            A text is blank.
        RemoteError
            The provider failed, or refuses a text, whose number the message has.
        """
        from knowledge.knowledge_base.models import embed

        return embed(self._shared, texts, query=query, on_refused=on_refused)

    @checked
    def similarity(
        self, one: str, other: str, *, metric: str = "cosine", query: bool = False
    ) -> float:
        """Compare two texts; more is more alike.

        Parameters
        ----------
        metric:
            ``cosine``; ``dot``, which is the same, since vectors have unit length; or
            ``euclidean``, the negated distance.
        query:
            Embed the first as a question.

        Raises
        ------
        UsageError
            A text is blank, or there is no such metric.
        RemoteError
            The provider failed.
        """
        from knowledge.knowledge_base.models import similarity

        return similarity(self._shared, one, other, metric=metric, query=query)

    @checked
    def rerank(self, query: str, texts: Sequence[str], *, rerank: str | None = None) -> list[float]:
        """Return how relevant each text is to a question, from 0 to 1, in the order of the texts.

        Parameters
        ----------
        rerank:
            A reranker, as :meth:`retrieve` takes it; by default the one of the settings, else
            ``bm25``.

        Raises
        ------
        UsageError
            There is no such reranker, or the question is empty.
        RemoteError
            It failed.
        """
        from knowledge.requests import check_question

        check_question(query)
        name = rerank or str(self.settings["rerank"]) or "bm25"
        settings = self.settings.override(rerank=rerank)
        reranker = self._shared.reranker(name, settings)
        assert reranker is not None
        return reranker.relevance(query, texts)
