"""Whether a file is of a type that a recipe names: an extension, a media type, or ``*``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("text/plain",),
    "markdown": ("text/markdown",),
    "rst": ("text/x-rst", "text/plain"),
    "asciidoc": ("text/asciidoc", "text/plain"),
    "org": ("text/org", "text/plain"),
    "latex": ("application/x-latex", "application/x-tex", "text/plain"),
    "code": ("text/plain",),
    "html": ("text/html", "application/xhtml+xml"),
    "mhtml": ("multipart/related", "message/rfc822"),
    "xml": ("text/xml", "application/xml"),
    "subtitles": ("application/x-subrip", "text/vtt"),
    "pdf": ("application/pdf",),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    "pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    "doc": ("application/msword",),
    "ppt": ("application/vnd.ms-powerpoint",),
    "xls": ("application/vnd.ms-excel",),
    "odt": ("application/vnd.oasis.opendocument.text",),
    "odp": ("application/vnd.oasis.opendocument.presentation",),
    "ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    "rtf": ("application/rtf", "text/rtf"),
    "epub": ("application/epub+zip",),
    "rows": ("text/csv",),
    "json": ("application/json",),
    "jsonl": ("application/x-ndjson", "application/jsonl"),
    "notebook": ("application/x-ipynb+json",),
    "mail": ("message/rfc822",),
    "msg": ("application/vnd.ms-outlook",),
    "mbox": ("application/mbox",),
    "zip": ("application/zip",),
    "tar": ("application/x-tar",),
}
_BY_EXTENSION: Mapping[str, tuple[str, ...]] = {
    ".tsv": ("text/tab-separated-values",),
    ".tab": ("text/tab-separated-values",),
    ".png": ("image/png",),
    ".jpg": ("image/jpeg",),
    ".jpeg": ("image/jpeg",),
    ".gif": ("image/gif",),
    ".webp": ("image/webp",),
    ".bmp": ("image/bmp",),
    ".tif": ("image/tiff",),
    ".tiff": ("image/tiff",),
    ".svg": ("image/svg+xml",),
    ".bz2": ("application/x-bzip2",),
    ".gz": ("application/gzip", "application/x-gzip"),
    ".tgz": ("application/gzip", "application/x-gzip"),
    ".xz": ("application/x-xz",),
}

MEDIA_TYPES = frozenset(
    kind for kinds in (*_MEDIA_TYPES.values(), *_BY_EXTENSION.values()) for kind in kinds
)
"""The media types that a file may be found to have."""


def is_of_type(name: str, format_: str | None, filetypes: Iterable[str]) -> bool:
    """Tell whether a file is of one of some types.

    Parameters
    ----------
    name:
        The file's name.
    format_:
        Its format, as `knowledge.documents.detection` finds it.
    filetypes:
        ``*``, extensions with their dot, media types such as ``text/plain`` or ``image/*``; upper
        and lower case alike.
    """
    lower = name.lower()
    media = _media_types(lower, format_)
    return any(_fits(kind.lower(), lower, media) for kind in filetypes)


def _fits(kind: str, name: str, media: tuple[str, ...]) -> bool:
    if kind == "*":
        return True
    if kind.startswith("."):
        return name.endswith(kind)
    if kind.endswith("/*"):
        return any(one.startswith(kind[:-1]) for one in media)
    return kind in media


def _media_types(name: str, format_: str | None) -> tuple[str, ...]:
    for extension, kinds in _BY_EXTENSION.items():
        if name.endswith(extension):
            return kinds
    return _MEDIA_TYPES.get(format_ or "", ())
