"""Chunks whose text is not what it was, and reading their files again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.session import ingest
from knowledge.model import Dataset
from knowledge.settings.reading import Settings
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.store import Checkup, Store


def read_again(
    store: Store,
    checkup: Checkup,
    dataset: Dataset,
    file_ids: Sequence[str],
    settings: Settings,
    notify: Callable[[str], None],
) -> str:
    """Read some files again, where they are still there; return what was done, in words.

    Raises
    ------
    DamagedStoreError
        Some are gone, or hold something else now; what is stored of them stays as it is.
    """
    there = checkup.mark_unread(dataset, file_ids)
    if there:
        request = RunRequest(there)
        ingest(store, dataset.name, request, settings, create=False, notify=notify)
    left = {*checkup.garbled_chunks(dataset), *checkup.incomplete_files(dataset)} & {*file_ids}
    if left:
        raise DamagedStoreError(
            f"{counted(len(left), 'file')} can't be read again: gone, or not to be read any more",
            hint="`knowledge delete-file` removes such a file; or ingest it from where it is now.",
        )
    return f"{counted(len(there), 'file')} read again."
