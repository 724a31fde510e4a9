"""Which media types a file has, and which extension a media type stands for."""

from __future__ import annotations

from collections import Counter

from knowledge.documents.formats import BY_NAME, FORMATS

_MEDIA_TYPES_OF = {
    f".{extension}": types
    for row in FORMATS
    for extensions, types in row.media_types_of.items()
    for extension in extensions.split()
}
_NUMBER_OF_ROWS = Counter(
    one for row in FORMATS for one in {*row.media_types, *sum(row.media_types_of.values(), ())}
)

MEDIA_TYPES = frozenset(_NUMBER_OF_ROWS)
"""The media types that a file may be found to have."""

_EXTENSIONS = {
    media_type: f".{extensions.split()[0]}"
    for row in FORMATS
    if not row.container
    for extensions, types in (*row.media_types_of.items(), (row.extensions, row.media_types))
    for media_type in types
    if _NUMBER_OF_ROWS[media_type] == 1
}


def media_types(name: str, format_: str | None) -> tuple[str, ...]:
    """Return the media types of a file, given its name in lower case and its format."""
    for extension, types in _MEDIA_TYPES_OF.items():
        if name.endswith(extension):
            return types
    row = BY_NAME.get(format_ or "")
    return row.media_types if row else ()


def extension_of(media_type: str) -> str | None:
    """Return the extension, with its dot, that a media type stands for.

    ``None`` where several formats share the type, as they do ``text/plain``, where its files are
    containers, which their bytes tell surely, and where no loader reads it.
    """
    return _EXTENSIONS.get(media_type)
