"""Tells what kind of file some bytes are, by their first ones."""

from __future__ import annotations

import io
import re
import zipfile

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"II*\0", "TIFF image"),
    (b"MM\0*", "TIFF image"),
    (b"8BPS", "Photoshop image"),
    (b"\0\0\1\0", "icon"),
    (b"ID3", "MP3 audio"),
    (b"OggS", "Ogg audio or video"),
    (b"fLaC", "FLAC audio"),
    (b"\x1a\x45\xdf\xa3", "Matroska video"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ\0", "xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x7fELF", "program (ELF)"),
    (b"\xcf\xfa\xed\xfe", "program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "Java class or program"),
    (b"MZ", "Windows program"),
    (b"\0asm", "WebAssembly module"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"PAR1", "Parquet file"),
    (b"\x89HDF", "HDF5 file"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"OTTO\0", "font"),
    (b"\0\1\0\0\0", "font"),
    (b"\x93NUMPY", "NumPy array"),
    (b"%PDF-", "PDF document"),
    (b"{\\rtf", "RTF document"),
    (b"%!PS", "PostScript document"),
)
_RIFF = {b"WEBP": "WebP image", b"WAVE": "WAV audio", b"AVI ": "AVI video"}
_ZIP_KINDS = (
    ("word/", "Word document"),
    ("xl/", "Excel workbook"),
    ("ppt/", "PowerPoint presentation"),
    ("META-INF/container.xml", "EPUB book"),
    ("content.xml", "OpenDocument text"),
    ("META-INF/MANIFEST.MF", "Java archive"),
)
_MIME_TYPES = {
    b"application/epub+zip": "EPUB book",
    b"application/vnd.oasis.opendocument.text": "OpenDocument text",
    b"application/vnd.oasis.opendocument.spreadsheet": "OpenDocument spreadsheet",
    b"application/vnd.oasis.opendocument.presentation": "OpenDocument presentation",
    b"application/vnd.oasis.opendocument.graphics": "OpenDocument drawing",
}
_MIME_TYPE = re.compile(
    rb"PK\x03\x04.{26}mimetype(?P<type>[\w/+.-]{10,60}?)(?:-template)?PK", re.DOTALL
)
_OLE_KINDS = (
    ("PowerPoint Document", "PowerPoint 97-2003 presentation", "ppt"),
    ("WordDocument", "Word 97-2003 document", "doc"),
    ("Workbook", "Excel 97-2003 workbook", "xls"),
    ("Book", "Excel 97-2003 workbook", "xls"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN_ARCHIVES = frozenset({"7z archive", "RAR archive", "zstd archive"})
_TEXTUAL = frozenset({"PostScript document"})


def describe(head: bytes) -> str | None:
    """Return what kind of file ``head`` begins, such as "PNG image"; ``None`` for unknown ones.

    Parameters
    ----------
    head:
        The first bytes, or all of them: what lies in a ZIP archive is told at its end.
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
    if head[257:262] == b"ustar":
        return "TAR archive"
    if head[4:8] == b"ftyp":
        return "MP4 or HEIF media"
    for magic, kind in _MAGIC:
        if head.startswith(magic) and (len(magic) > 3 or b"\0" in head):
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
    return any(_has_stream(head, stream) for stream, _, of in _OLE_KINDS if of == format_)


def _has_stream(head: bytes, stream: str) -> bool:
    return f"{stream}\0".encode("utf-16-le") in head


def _ole_kind(head: bytes) -> str:
    for stream, kind, _ in _OLE_KINDS:
        if _has_stream(head, stream):
            return kind
    return "Office 97-2003 document"


def _zip_kind(head: bytes) -> str:
    declared = _MIME_TYPE.match(head)
    if declared and declared["type"] in _MIME_TYPES:
        return _MIME_TYPES[declared["type"]]
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
