"""What kind of document some bytes are, by content where it is certain, else by name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import PurePath

HEAD = 8_192
"""Bytes that are looked at."""

_CODE = (
    "py pyi js mjs cjs jsx ts tsx java kt kts go rs c h cc cpp cxx hh hpp cs rb php swift scala "
    "groovy gradle sh bash zsh fish ps1 bat cmd sql r lua pl pm dart ex exs erl hrl hs ml mli clj "
    "cljs fs fsx vb jl m mm nim zig proto graphql tf hcl cmake vue svelte css scss sass less asm s "
    "v sv vhd vhdl toml yaml yml ini cfg conf properties env xml xsd xsl"
)
_TEXT = "txt text log org adoc asciidoc tex srt vtt diff patch jsonl ndjson"

SUPPORTED_EXTENSIONS: Mapping[str, str] = {
    **dict.fromkeys((f".{name}" for name in _CODE.split()), "code"),
    **dict.fromkeys((f".{name}" for name in _TEXT.split()), "text"),
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".rst": "rst",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".csv": "rows",
    ".tsv": "rows",
    ".json": "json",
    ".ipynb": "notebook",
}
"""Formats by file extension."""

_MAGIC = {
    b"\x89PNG\r\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"RIFF": "an audio, video or image file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "an xz archive",
    b"\xd0\xcf\x11\xe0": "an old Microsoft Office file",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "a SQLite database",
    b"ID3": "an audio file",
    b"OggS": "an audio file",
    b"{\\rtf": "an RTF file",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})


def detect(name: str, data: bytes) -> str | None:
    """Return a document's format, or ``None`` when it is of no kind that can be read.

    Parameters
    ----------
    name:
        The file's name.
    data:
        Its bytes; a ZIP archive must be whole, of anything else the first 8 KiB are enough.
    """
    named = SUPPORTED_EXTENSIONS.get(PurePath(name).suffix.lower())
    head = data[:HEAD]
    if head.lstrip()[:1] == b"%" and b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return "docx" if _is_docx(data, named) else None
    if named in ("pdf", "docx"):
        # Broken files keep their kind, so that the error names it; other kinds are no such files.
        return None if describe(head) or not is_binary(head) else named
    if describe(head) and is_binary(head):
        return None
    if named:
        return named
    if is_binary(head):
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" if start.startswith((b"<!doctype html", b"<html")) else "text"


def describe(data: bytes) -> str | None:
    """Say what a file of no readable kind is, where its first bytes tell."""
    return next((what for magic, what in _MAGIC.items() if data.startswith(magic)), None)


def is_binary(data: bytes) -> bool:
    """Tell whether bytes can't be text in any usual encoding."""
    head = data[:HEAD]
    if head.startswith(_UTF16) or looks_like_utf16(head):
        return False
    if b"\0" in head:
        return True
    return len(head) - len(head.translate(None, _CONTROL)) > len(head) // 20


def looks_like_utf16(head: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: Western text has a NUL in each pair."""
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    if odd > pairs * 0.7 and even < pairs * 0.05:
        return "utf-16-le"
    if even > pairs * 0.7 and odd < pairs * 0.05:
        return "utf-16-be"
    return None


def _is_docx(data: bytes, named: str | None) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(entry.startswith("word/") for entry in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return named == "docx"  # a broken one keeps its kind, so that the error names it
