"""Which file of a dataset a person means: by id, by path, or by the end of its path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.errors import FileNotInDatasetError, UsageError
from knowledge.files.typed_names import forms_of
from knowledge.model import Dataset, SourceFile

if TYPE_CHECKING:
    from knowledge.storage.store import Snapshot

LISTED = 5
"""Candidates that an error names."""


def find_file(snapshot: Snapshot, dataset: Dataset, text: str) -> SourceFile:
    """Return the file that ``text`` names.

    Parameters
    ----------
    text:
        Its id, its stored path, a path to it, or else the end of its stored path, such as its bare
        name. A path at which something lies means that and no other file of the same name.

    Raises
    ------
    FileNotInDatasetError
        The dataset holds no such file.
    UsageError
        Several files have this name.
    """
    for form in forms_of(text):
        exact = snapshot.find_file(dataset, form)
        if exact is not None:
            return exact
    may_be_end = bool(text.strip("/")) and not text.startswith("/")
    forms = forms_of(text) if may_be_end else ()
    ends = (snapshot.files_ending_with(dataset, form, LISTED + 1) for form in forms)
    named = next(filter(None, ends), [])
    if os.path.lexists(text):
        raise FileNotInDatasetError(
            f"dataset {dataset.name!r} does not hold the file {os.path.abspath(text)!r}",  # noqa: PTH100
            hint=f"It holds {_listed(named)}" if named else None,
        )
    if not named:
        raise FileNotInDatasetError(f"dataset {dataset.name!r} holds no file {text!r}")
    if len(named) > 1:
        raise UsageError(
            f"dataset {dataset.name!r} holds several files {text!r}",
            hint=f"Give more of the path: {_listed(named)}",
        )
    return named[0]


def _listed(files: Sequence[SourceFile]) -> str:
    names = [file.path for file in files[:LISTED]]
    return ", ".join([*names, "…"] if len(files) > LISTED else names)
