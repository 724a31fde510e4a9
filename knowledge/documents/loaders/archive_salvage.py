"""What a ZIP archive holds whose end is cut off: its directory stands there.

Each member has a header of its own in front of it ("local file header", APPNOTE.TXT 4.3.7).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from knowledge.documents.budget import PIECE
from knowledge.documents.cleaning import clean
from knowledge.documents.loaders.archive_names import decoded

_HEADER = struct.Struct("<4s5H3I2H")
_MARK = b"PK\3\4"
_ENDS = (b"PK\1\2", b"PK\5\6", b"PK\6\6")  # the directory, and records after it
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFFFFFF


class _Deflated:
    """One deflated member as a stream; tells where it ended."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._next = start
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        while not self._inflater.eof:
            if not self._rest:
                self._rest = self._data[self._next : self._next + PIECE]
                self._next += len(self._rest)
                if not self._rest:
                    raise EOFError("the data ends inside a member")
            piece = self._inflater.decompress(self._rest, size)
            self._rest = self._inflater.unconsumed_tail
            if piece:
                return piece
        return b""

    @property
    def end(self) -> int:
        """Where the packed data ended, once all was read."""
        return self._next - len(self._inflater.unused_data)


class _Stored:
    """One member that is not packed, as a stream."""

    def __init__(self, data: bytes, start: int, size: int) -> None:
        self._data = data
        self._next = start
        self.end = start + size

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes."""
        if self.end > len(self._data):
            raise EOFError("the data ends inside a member")
        piece = self._data[self._next : min(self._next + size, self.end)]
        self._next += len(piece)
        return piece


def salvage(data: bytes) -> Iterator[tuple[str, _Deflated | _Stored, int]]:
    """Yield name, stream and packed size of each member; read the stream before the next one.

    Raises
    ------
    EOFError
        The data ends inside a member.
    ValueError
        What comes next is no member, or can't be passed over.
    """
    offset = 0
    while data[offset : offset + 4] not in _ENDS and offset < len(data):
        found = data.find(_MARK, offset, offset + 32)  # sizes may stand behind the member before
        header = data[found : found + _HEADER.size] if found >= 0 else b""
        if len(header) < _HEADER.size:
            raise EOFError("the data ends before a member")
        _, _, flags, method, _, _, _, packed, _, name_size, extra = _HEADER.unpack(header)
        start = found + _HEADER.size
        name = clean(decoded([data[start : start + name_size]])[0])
        stream = _stream(data, start + name_size + extra, flags, method, packed)
        readable = method in (_STORED, _DEFLATED) and not flags & _ENCRYPTED
        if readable and not name.endswith("/"):
            yield name, stream, packed or len(data) - start
        while isinstance(stream, _Deflated) and stream.read(PIECE):
            pass  # where it ends is not told elsewhere
        offset = stream.end


def _stream(data: bytes, start: int, flags: int, method: int, packed: int) -> _Deflated | _Stored:
    if method == _DEFLATED and not flags & _ENCRYPTED:
        return _Deflated(data, start)
    if flags & _SIZES_FOLLOW or packed == _ZIP64:
        raise ValueError("a member whose size is not told")
    return _Stored(data, start, packed)
