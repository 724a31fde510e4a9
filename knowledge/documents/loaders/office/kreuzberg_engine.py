"""kreuzberg: the native engine behind most formats."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.documents.loaders.office.protection import protected
from knowledge.errors import DocumentError, UsageError
from knowledge.files.private import temporary_folder
from knowledge.settings.user_folders import user_folder
from knowledge.text.cleaning import clean

_FIELDS = {
    "title": "title",
    "authors": "author",
    "created_at": "created",
    "modified_at": "modified",
    "language": "language",
}
_ESCAPED = re.compile(r"\\([!.,;:'\"()?&%/=+~^$@<>-])")
_PICTURE = re.compile(r"!\[(?:image)?([^\]\n]{0,500})\]\([^()\s]{0,200}\)")
_NOTHING = ("", "(unspecified)", "(anonymous)", "untitled")


def extract(data: bytes, media_type: str, *, output_format: str = "markdown", **config: Any) -> Any:
    """Read a document; return kreuzberg's result.

    Raises
    ------
    DocumentError
        It is malformed, or protected by a password.
    """
    import kreuzberg

    settings = kreuzberg.ExtractionConfig(
        use_cache=False, enable_quality_processing=False, output_format=output_format, **config
    )
    try:
        with _private_folder():
            return kreuzberg.extract_bytes_sync(data, media_type, settings)
    except Exception as error:
        reason = _reason(error)
        if "password" in reason.lower() or "encrypted" in reason.lower():
            raise protected() from error
        raise DocumentError(f"it can't be read: {reason[:200]}") from error


def metadata_of(result: Any) -> dict[str, Any]:
    """Return title, author, dates and language, as far as the document tells them."""
    found: Mapping[str, Any] = result.metadata
    metadata: dict[str, Any] = {}
    for name, ours in _FIELDS.items():
        value = found.get(name)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if isinstance(value, str) and value.strip().lower() not in _NOTHING:
            metadata[ours] = clean(value).strip()
    return metadata


def without_escapes(text: str) -> str:
    """Return Markdown without the backslashes that it does not need, and without picture names."""
    return _PICTURE.sub(r"\1", _ESCAPED.sub(r"\1", text))


@contextmanager
def _private_folder() -> Iterator[None]:
    """Let kreuzberg put its PDF library where no other user can put one before it.

    It unpacks the library below the temporary folder, which all users share, and would load what
    it finds there. The folder is asked for at each call, so the variable is set during calls only.
    """
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = _own_folder()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


@cache
def _own_folder() -> str:
    try:
        folder = user_folder("cache") / "native"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            return str(folder)
    except (OSError, UsageError):
        pass  # a home that can't be written, or none
    made = temporary_folder()
    atexit.register(made.cleanup)
    return made.name


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True  # on Windows the cache is the user's own
    state = folder.stat()
    writable = os.access(folder, os.W_OK)
    return writable and state.st_uid == os.getuid() and not state.st_mode & 0o022


def _reason(error: Exception) -> str:
    """Return what kreuzberg says, which it says twice, without the name of its error class."""
    reason = " ".join(str(error).split()).removeprefix(f"{type(error).__name__}: ")
    half = (len(reason) - 2) // 2
    return reason[:half] if reason == f"{reason[:half]}: {reason[:half]}" else reason
