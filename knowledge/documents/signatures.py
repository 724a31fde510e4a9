"""What kind of file some bytes are, by the first of them."""

from __future__ import annotations

import io
import re
import zipfile

from knowledge.documents.formats import FORMATS

_KINDS = tuple(kind for row in FORMATS for kind in row.kinds)
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    *((kind.at, magic, kind.name) for kind in _KINDS for magic in kind.magic),
    (0, b"8BPS", "Photoshop image"),
    (0, b"\0\0\1\0", "icon"),
    (4, b"ftyp", "MP4 or HEIF media"),
    (0, b"ID3", "MP3 audio"),
    (0, b"OggS", "Ogg audio or video"),
    (0, b"fLaC", "FLAC audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska video"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (0, b"\x28\xb5\x2f\xfd", "zstd archive"),
    (0, b"Rar!\x1a\x07", "RAR archive"),
    (0, b"\x7fELF", "program (ELF)"),
    (0, b"\xcf\xfa\xed\xfe", "program (Mach-O)"),
    (0, b"\xca\xfe\xba\xbe", "Java class or program"),
    (0, b"MZ", "Windows program"),
    (0, b"\0asm", "WebAssembly module"),
    (0, b"SQLite format 3\0", "SQLite database"),
    (0, b"PAR1", "Parquet file"),
    (0, b"\x89HDF", "HDF5 file"),
    (0, b"wOFF", "font"),
    (0, b"wOF2", "font"),
    (0, b"OTTO\0", "font"),
    (0, b"\0\1\0\0\0", "font"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"%!PS", "PostScript document"),
)
"""Where something stands, what, and the kind of file that it tells; the formats' own first."""

_RIFF = {
    b"WAVE": "WAV audio",
    b"AVI ": "AVI video",
    **{kind.riff: kind.name for kind in _KINDS if kind.riff},
}
_ZIP_KINDS = (
    *((kind.zip_part, kind.name) for kind in _KINDS if kind.zip_part),
    ("META-INF/MANIFEST.MF", "Java archive"),
)
_ZIP_TYPES = {kind.zip_type: kind.name for kind in _KINDS if kind.zip_type}
_ZIP_TYPE = re.compile(
    rb"PK\x03\x04.{26}mimetype(?P<type>[\w/+.-]{10,60}?)(?:-template)?PK", re.DOTALL
)
_STREAMS = tuple(
    (stream, kind.name, row.name)
    for row in FORMATS
    for kind in row.kinds
    for stream in kind.streams
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN_ARCHIVES = frozenset({"7z archive", "RAR archive", "zstd archive"})
_TEXTUAL = frozenset({"PostScript document"})


_POINTER = re.compile(rb"version https://(?:git-lfs|hawser)\.github\.com/spec/[^\n]{1,40}\n")
LARGEST_POINTER = 1024
ELSEWHERE = "its content is kept elsewhere (Git LFS) and is not here"


def is_pointer(data: bytes) -> bool:
    """Tell whether a whole file only points at content that Git LFS keeps elsewhere."""
    return len(data) <= LARGEST_POINTER and bool(_POINTER.match(data)) and b"\noid " in data


def describe(head: bytes) -> str | None:
    """Return what kind of file ``head`` begins, such as "PNG image"; ``None`` for unknown ones.

    Parameters
    ----------
    head:
        The first bytes, or all of them: a ZIP archive lists its members at its end.
    """
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip_kind(head)
    if head.startswith(_OLE):
        encrypted = "encryptedpackage".encode("utf-16-le") in head.lower()
        if "__properties_version1.0".encode("utf-16-le") in head:
            return "Outlook message"
        return "password-protected Office document" if encrypted else _ole_kind(head)
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "RIFF file")
    for at, magic, kind in _MAGIC:
        if head.startswith(magic, at) and (len(magic) > 3 or b"\0" in head):
            return kind
    return None


def advice(kind: str | None) -> str:
    """Return what a user can do about a kind of file that no loader reads; empty if nothing."""
    if kind in _FOREIGN_ARCHIVES:
        return "Unpack it, or pack it as ZIP or TAR"
    return ""


def is_office_zip(data: bytes) -> bool:
    """Tell whether a ZIP archive says itself that it is an office file or a book."""
    return any(mark in data for mark in (b"[Content_Types].xml", b"mimetypeapplication/"))


def is_markup(kind: str | None) -> bool:
    """Tell whether a kind is text to look at, but not text to read."""
    return kind in _TEXTUAL


def is_office97(kind: str) -> bool:
    """Tell whether a kind is one of Office 97 to 2003."""
    return "97-2003" in kind


def holds(head: bytes, format_: str) -> bool:
    """Tell whether an Office 97 file has the stream of a format: ``doc``, ``xls`` or ``ppt``."""
    return any(_has_stream(head, stream) for stream, _, of in _STREAMS if of == format_)


def _has_stream(head: bytes, stream: str) -> bool:
    return f"{stream}\0".encode("utf-16-le") in head


def _ole_kind(head: bytes) -> str:
    for stream, kind, _ in _STREAMS:
        if _has_stream(head, stream):
            return kind
    return "Office 97-2003 document"


def _zip_kind(head: bytes) -> str:
    declared = _ZIP_TYPE.match(head)
    if declared and declared["type"] in _ZIP_TYPES:
        return _ZIP_TYPES[declared["type"]]
    try:
        with zipfile.ZipFile(io.BytesIO(head)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = []  # cut off or damaged: the names stand in front of each entry too
    for start, kind in _ZIP_KINDS:
        if names and any(name.startswith(start) for name in names):
            return kind
        if not names and start.encode() in head:
            return kind
    return "ZIP archive"
