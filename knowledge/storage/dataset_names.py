"""What a dataset may be called, and what one that belongs to a folder is called."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from knowledge.errors import DatasetNotFoundError, UsageError
from knowledge.storage.shown_path import shown
from knowledge.text.wording import did_you_mean

MAX_NAME = 128
HIDDEN = "\x01"
"""First character of the name of a dataset that is not to be seen; no user's name holds it."""


def folder_name(folder: Path) -> str:
    """Return the name of the dataset that belongs to a folder: readable, and unique by its path."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    label = shown(folder.name)
    label = "".join(c if c.isprintable() else "?" for c in label).strip()[:80]
    return f"askdir {label} {digest}" if label else f"askdir {digest}"


def check_name(name: str) -> str:
    """Return ``name`` when it can name a dataset.

    Raises
    ------
    UsageError
        For an empty name, one over 128 characters, or one with control characters or white space
        at its ends.
    """
    if not name or name != name.strip():
        raise UsageError(f"{name!r} can't name a dataset: empty, or white space at an end")
    if len(name) > MAX_NAME:
        raise UsageError(f"a dataset's name has at most {MAX_NAME} characters, not {len(name)}")
    if not name.isprintable():
        raise UsageError(f"{name!r} can't name a dataset: it holds control characters")
    return name


def no_dataset(name: str, known: Sequence[str] = ()) -> DatasetNotFoundError:
    """Return the error for a name that no dataset has.

    Parameters
    ----------
    known:
        The datasets that there are: the nearest of them is named, and none is an invitation.
    """
    hint = "`knowledge ingest PATH` makes the first dataset."
    if known:
        hint = did_you_mean(name, known) or DatasetNotFoundError.default_hint
    return DatasetNotFoundError(f"there is no dataset {name!r}", hint=hint)


def new_key(name: str) -> str:
    """Derive a folder name from a dataset's name: readable, unique, safe on every platform."""
    import uuid

    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].rstrip("-")
    return f"{slug or 'dataset'}-{uuid.uuid4().hex[:12]}"
