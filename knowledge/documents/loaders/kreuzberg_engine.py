"""kreuzberg: the native engine behind PDF, DOCX and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knowledge.documents.cleaning import clean
from knowledge.errors import DocumentError

_FIELDS = {
    "title": "title",
    "authors": "author",
    "created_at": "created",
    "modified_at": "modified",
    "language": "language",
}
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
        return kreuzberg.extract_bytes_sync(data, media_type, settings)
    except Exception as error:
        reason = _reason(error)
        if "password" in reason.lower() or "encrypted" in reason.lower():
            raise DocumentError("it is protected by a password") from error
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


def _reason(error: Exception) -> str:
    """Return what kreuzberg says, which it says twice, without the name of its error class."""
    reason = " ".join(str(error).split()).removeprefix(f"{type(error).__name__}: ")
    half = (len(reason) - 2) // 2
    return reason[:half] if reason == f"{reason[:half]}: {reason[:half]}" else reason
