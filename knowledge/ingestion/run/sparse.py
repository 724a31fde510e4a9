"""The vectors of a dataset's sparse model: made for all chunks that lack one, before a publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.embeddings.sparse import SparseEncoder
    from knowledge.storage.store import WriteRun

PAGE = 64


def fill_sparse(run: WriteRun, encoder: SparseEncoder, stopped: Callable[[], bool]) -> None:
    """Encode the chunks that have no vector of the model yet, those of earlier runs included.

    What an interrupt leaves, the next run makes.

    Raises
    ------
    RemoteError
        The model can't be loaded, or fails.
    """
    while not stopped():
        lacking = run.without_sparse(PAGE)
        if not lacking:
            break
        vectors = encoder.encode([text for _, text in lacking])
        run.write_sparse(
            encoder.spec,
            {row: (one.terms, one.weights) for (row, _), one in zip(lacking, vectors, strict=True)},
        )
