"""Metadata that folders give to their files: ``.knowledge.json``.

    {"metadata": {"report.pdf": {"author": "Ana"}, "minutes/*.md": {"kind": "minutes"}}}

Keys are paths relative to the folder, or globs as in ``.gitignore``. A later glob wins over an
earlier one, an exact path over all globs, a deeper folder over those above it. ``null`` takes a
key away again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.errors import UsageError
from knowledge.files.bounded_data import MAX_JSON, DataError, parse_json, read_text
from knowledge.ingestion.scan.patterns import Patterns
from knowledge.text.wording import shortened

SIDECAR = ".knowledge.json"
NOTHING: Mapping[str, Any] = {}
_WILD = frozenset("*?[")


class SidecarError(Exception):
    """A ``.knowledge.json`` is malformed; the message says where."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What one ``.knowledge.json`` says."""

    exact: Mapping[str, Mapping[str, Any]]
    globs: tuple[tuple[Patterns, Mapping[str, Any]], ...]

    def of(self, path: str) -> dict[str, Any]:
        """Return what it says of a file, given relative to its folder."""
        found: dict[str, Any] = {}
        for patterns, metadata in self.globs:
            if patterns.matches(path):
                found.update(metadata)
        found.update(self.exact.get(path, NOTHING))
        return found


class FolderMetadata:
    """What the folders from the root of a walk down to one folder say of files."""

    __slots__ = ("_layers",)

    def __init__(self, layers: tuple[tuple[Sidecar | None, str], ...] = ()) -> None:
        self._layers = layers  # with the path from their folder, ending in / or empty

    def __bool__(self) -> bool:
        """False where the folders say nothing of any file."""
        return bool(self._layers)

    def at(self, folder: str, names: Collection[str]) -> FolderMetadata:
        """Add what a folder says; ``names`` are those of its files.

        Raises
        ------
        SidecarError
            Its ``.knowledge.json`` is malformed or cannot be read.
        """
        if SIDECAR not in names:
            return self
        return FolderMetadata((*self._layers, (read_sidecar(os.path.join(folder, SIDECAR)), "")))

    def unknown(self) -> FolderMetadata:
        """Return that nothing is known of the files from here down."""
        return FolderMetadata(((None, ""),))

    def below(self, name: str) -> FolderMetadata:
        """Return what is said of the files of a sub-folder by the folders above it."""
        if not self._layers:
            return self
        step = name + "/"
        return FolderMetadata(tuple((sidecar, prefix + step) for sidecar, prefix in self._layers))

    def of(self, name: str) -> Mapping[str, Any] | None:
        """Return what is said of a file of the folder; ``None`` when a sidecar is unreadable."""
        if not self._layers:
            return NOTHING
        merged: dict[str, Any] = {}
        for sidecar, prefix in self._layers:
            if sidecar is None:
                return None
            merged.update(sidecar.of(prefix + name))
        return {key: value for key, value in merged.items() if value is not None}


def read_sidecar(path: str) -> Sidecar:
    """Read a ``.knowledge.json``.

    Raises
    ------
    SidecarError
        It cannot be read, is no JSON, or has another shape; the message names the place in it.
    """
    try:
        content = parse_json(read_text(path, MAX_JSON))
    except DataError as error:
        place = f"line {error.line}, column {error.column}: " if error.line else ""
        raise SidecarError(f"{place}{error}") from error
    except UnicodeDecodeError as error:
        raise SidecarError(f"byte {error.start} is not UTF-8 text") from error
    except OSError as error:
        raise SidecarError((error.strerror or str(error)).lower()) from error
    return _sidecar(content)


def _sidecar(content: Any) -> Sidecar:
    if not isinstance(content, dict) or not isinstance(content.get("metadata"), dict):
        raise SidecarError('it must be {"metadata": {"path or glob": {"name": value}}}')
    exact, globs = {}, []
    for key, metadata in content["metadata"].items():
        if not isinstance(metadata, dict):
            raise SidecarError(
                f'metadata["{shortened(key, 100)}"] must be an object of names and values'
            )
        path = key.removeprefix("./")
        exact[path] = metadata
        if _WILD & set(path) or path.endswith("/"):
            globs.append((_glob(path, key), metadata))
    return Sidecar(exact, tuple(globs))


def _glob(path: str, key: str) -> Patterns:
    line = "\\" + path if path.startswith(("!", "#")) else path
    try:
        return Patterns([line], f'metadata["{shortened(key, 100)}"]')
    except UsageError as error:
        raise SidecarError(error.message) from error
