"""What Chroma raises, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge.errors import DamagedStoreError, KnowledgeError

REPAIR = "`knowledge doctor --fix` builds it anew from the stored texts."


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what Chroma raises, of whatever class, into an error of ours."""
    try:
        yield
    except KnowledgeError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        text = str(error)
        if any(sign in text for sign in ("disk is full", "No space left", "os error 28")):
            raise KnowledgeError(
                f"the disk is full: {folder}", hint="Free some space and run again."
            ) from error
        if any(sign in text for sign in ("readonly", "Permission denied", "unable to open")):
            raise KnowledgeError(
                f"can't open the index {folder}: {text}",
                hint="Chroma needs to write to the folder, even to search it.",
            ) from error
        raise DamagedStoreError(f"the index {folder} is damaged: {text}", hint=REPAIR) from error
