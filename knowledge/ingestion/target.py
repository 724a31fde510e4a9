"""The dataset that a run writes to: made when it may be, and gone again when nothing came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError, KnowledgeError
from knowledge.storage.removal import discard_unpublished
from knowledge.storage.write_run import WriteRun, open_write_run

if TYPE_CHECKING:
    from knowledge.ingestion.request import Notify
    from knowledge.storage.catalog import Catalog


@contextlib.contextmanager
def open_target(
    catalog: Catalog, name: str, *, create: bool, lock_timeout: float, notify: Notify
) -> Iterator[WriteRun]:
    """Give a write run on the dataset.

    A dataset that was made for this run is deleted when the run fails before it has published
    anything. A killed run leaves it there, empty; the next run goes on with it.

    Parameters
    ----------
    create:
        Make the dataset when there is none.

    Raises
    ------
    DatasetNotFoundError
        There is none, and it may not be made.
    LockedError
        Another writer held its lock all the time.
    """
    made: str | None = None
    try:
        with contextlib.ExitStack() as stack:
            run = None
            while run is None:
                if create and (new := catalog.ensure(name)) is not None:
                    made = new.key
                opened = open_write_run(catalog, name, lock_timeout=lock_timeout, notify=notify)
                try:
                    run = stack.enter_context(opened)
                except DatasetNotFoundError:
                    if not create:
                        raise
                    # Whoever made it failed while we waited, and has taken it away.
            yield run
    except BaseException:
        if made is not None:
            with contextlib.suppress(KnowledgeError):  # the first error is the one to tell
                discard_unpublished(catalog, made)
        raise
