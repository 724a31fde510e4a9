"""Refuses ZIP archives that would unpack to more than memory, before anything is unpacked.

What an archive says of its members' sizes may be a lie, so deflated members of archives that could
hold a bomb are inflated once, piece by piece, without keeping anything.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence

from knowledge.documents.options import MIB
from knowledge.errors import DocumentError

MAX_TOTAL = 2048 * MIB
"""Bytes that all members together may unpack to."""

MAX_RATIO = 200.0
"""Unpacked bytes for each packed one; text of tables that repeat themselves reaches 100."""

MAX_MEMBERS = 100_000
MAX_MARKUP = 512 * MIB
"""Bytes of XML and HTML in one office file: a parser needs several times as much memory."""

_FREE = 64 * MIB  # below it no ratio is dangerous
_TRUSTED = 256 * MIB  # an archive that can't unpack to more needs no inflating to be measured
_DEFLATE_RATIO = 1032  # the best that deflate can do
_PIECE = 1 * MIB
_LOCAL_HEADER = 30  # bytes
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".vml", ".svg")


def check_zip(
    data: bytes,
    *,
    max_total: int = MAX_TOTAL,
    max_ratio: float = MAX_RATIO,
    max_members: int = MAX_MEMBERS,
) -> list[zipfile.ZipInfo]:
    """Return the members of an archive that is safe to unpack.

    Parameters
    ----------
    data:
        The archive's bytes.
    max_total:
        Most bytes that all members together may unpack to.
    max_ratio:
        Most unpacked bytes for each packed one, where the total is large enough to matter.
    max_members:
        Most members.

    Raises
    ------
    DocumentError
        It breaks a bound, a member is longer than it says, or it is no whole ZIP archive.
    """
    members = _members(data)
    if len(members) > max_members:
        raise DocumentError(f"it holds {len(members)} files, more than {max_members}, the limit")
    total = sum(member.file_size for member in members)
    _check_total(total, max_total)
    if total > _FREE and total > max_ratio * len(data):
        raise DocumentError(
            f"it would unpack to {total / MIB:,.0f} MiB, {total / len(data):,.0f} times its size: "
            "this looks like a ZIP bomb"
        )
    # Members may share packed bytes, so each counts by itself.
    if sum(member.compress_size for member in members) * _DEFLATE_RATIO > min(max_total, _TRUSTED):
        _check_claims(data, members)
    return members


def check_office_zip(data: bytes) -> list[zipfile.ZipInfo]:
    """Return the members of an office file or e-book (OOXML, OpenDocument, EPUB) safe to unpack.

    Raises
    ------
    DocumentError
        As `check_zip`; or it holds too much XML, or is packed in a way that such files never are.
    """
    members = check_zip(data)
    markup = sum(m.file_size for m in members if m.filename.lower().endswith(_MARKUP))
    _check_total(markup, MAX_MARKUP)
    if any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members):
        raise DocumentError("it is packed in a way that office files and e-books never are")
    return members


def _members(data: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise DocumentError(
            "it can't be read: its ZIP structure is damaged or cut off",
            hint="Is the file complete? Copy or download it again.",
        ) from error


def _check_total(total: int, limit: int) -> None:
    if total > limit:
        raise DocumentError(
            f"it would unpack to {total / MIB:,.0f} MiB, "
            f"more than the limit, {limit / MIB:,.0f} MiB"
        )


def _check_claims(data: bytes, members: Sequence[zipfile.ZipInfo]) -> None:
    for member in members:
        if member.compress_type != zipfile.ZIP_DEFLATED:
            continue
        if member.compress_size * _DEFLATE_RATIO <= _FREE:
            continue  # it can't do harm, whatever it says
        if _longer_than(_packed(data, member), member.file_size):
            raise DocumentError(f"its member {member.filename[:100]!r} is longer than it says")


def _packed(data: bytes, member: zipfile.ZipInfo) -> memoryview:
    offset = member.header_offset
    name = int.from_bytes(data[offset + 26 : offset + 28], "little")
    extra = int.from_bytes(data[offset + 28 : offset + 30], "little")
    start = offset + _LOCAL_HEADER + name + extra
    return memoryview(data)[start : start + member.compress_size]


def _longer_than(packed: memoryview, size: int) -> bool:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    found = 0
    for piece in _pieces(packed):
        rest: bytes | memoryview = piece
        while rest:
            try:
                found += len(inflater.decompress(rest, _PIECE))
            except zlib.error:
                return False  # damaged, which unpacking it reports
            if found > size:
                return True
            rest = inflater.unconsumed_tail
    return False


def _pieces(packed: memoryview) -> Iterable[memoryview]:
    for start in range(0, len(packed), _PIECE):
        yield packed[start : start + _PIECE]
