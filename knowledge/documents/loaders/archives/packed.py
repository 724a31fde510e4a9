"""GZIP, BZIP2 and XZ: one packed file, or a packed TAR archive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import zlib
from typing import IO, cast

from knowledge.documents.budget import MAX_MEMBER, PIECE, BoundedStream
from knowledge.documents.containers import CUT_OFF, Members, member_path
from knowledge.documents.loaders.archives.tar import BLOCK, is_tar, read_tar
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError
from knowledge.model import FileStatus
from knowledge.text.cleaning import clean

_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)
_ENDINGS = (".gz", ".gzip", ".bz2", ".xz", ".lzma")
_FNAME = 8  # the flag that says that a gzip header holds the name
_HEADER = 10  # bytes of a gzip header before it


def load(source: Source) -> Loaded:
    """Read what is packed: one file, whose name loses the ending, or a TAR archive's members.

    Raises
    ------
    DocumentError
        It lies too deep in other archives, or nothing of it can be read.
    """
    members = Members(source)
    stream = _ToTheDamage(_opened(source.data))
    if is_tar(stream.peek(BLOCK)):
        read_tar(stream, len(source.data), members)
    else:
        _read_one(stream, len(source.data), _inner_name(source.data, source.name), members)
    return members.loaded()


def _opened(data: bytes) -> IO[bytes]:
    packed = io.BytesIO(data)
    if data.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    if data.startswith(b"BZh"):
        return bz2.BZ2File(packed)
    return cast("IO[bytes]", lzma.LZMAFile(packed))


def _read_one(stream: _ToTheDamage, packed: int, path: str, members: Members) -> None:
    bounded = BoundedStream(stream, packed, members.budget, MAX_MEMBER)
    pieces = []
    try:
        members.budget.take_member()
        while piece := bounded.read(PIECE):
            pieces.append(piece)
        if stream.damage and not pieces:
            raise DocumentError(f"it can't be unpacked: {stream.damage}")
        members.read(path, b"".join(pieces))
    except DocumentError as error:
        members.fail(path, error)
    if stream.damage and pieces:
        members.problem(path, FileStatus.FAILED, f"{CUT_OFF}; its beginning was read")


def _inner_name(data: bytes, name: str) -> str:
    """Return the file's name without the ending, or the one that the gzip header holds."""
    base = posixpath.basename(name.replace("\\", "/"))
    if base.lower().endswith(_ENDINGS):
        return posixpath.splitext(base)[0]
    if data.startswith(b"\x1f\x8b") and data[3:4] and data[3] & _FNAME:
        held = data[_HEADER : data.find(b"\0", _HEADER, _HEADER + 1024)].decode("latin-1")
        path = member_path(clean(held))
        if held and path:
            return posixpath.basename(path)
    return "content"


class _ToTheDamage:
    """A stream that ends where the packed data are damaged; ``damage`` says what was wrong."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._ahead = b""
        self.damage = ""

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes, or all there are, and keep them."""
        while len(self._ahead) < size and (piece := self._read(size - len(self._ahead))):
            self._ahead += piece
        return self._ahead

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            return piece
        return self._read(size)

    def _read(self, size: int) -> bytes:
        if self.damage:
            return b""
        try:
            # read() would lose what it has when it meets damage.
            return cast("io.BufferedReader", self._stream).read1(size)
        except _DAMAGE as error:
            self.damage = " ".join(str(error).split())[:200] or type(error).__name__
            return b""
