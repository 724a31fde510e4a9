"""ZIP archives: each member read as a file of its own."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any

from knowledge.documents.budget import PIECE, BudgetError, read_all
from knowledge.documents.containers import CUT_OFF, Members, is_junk, member_path
from knowledge.documents.loaders.archives.member_names import LEADS_OUT, decoded
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError
from knowledge.model import FileStatus
from knowledge.text.cleaning import clean

DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_ENCRYPTED = 0x1
_UTF8 = 0x800
_AES = 99
_UNICODE_PATH = 0x7075


def load(source: Source) -> Loaded:
    """Read an archive's members; hidden files and what systems leave behind are left out.

    Raises
    ------
    DocumentError
        It lies too deep in other archives, or nothing of it can be read.
    """
    members = Members(source)
    try:
        archive = _open(source.data)
    except (*DAMAGE, NotImplementedError):
        _salvage(source.data, members)
        return members.loaded()
    with archive:
        infos = archive.infolist()
        try:
            for info, path in zip(infos, _paths(infos), strict=True):
                _read(archive, info, path, members, source.options.passwords)
        except BudgetError as error:
            members.fail(path, error)
    return members.loaded()


def _open(data: bytes) -> Any:
    archive = zipfile.ZipFile(io.BytesIO(data))
    if not any(info.compress_type == _AES for info in archive.infolist()):
        return archive
    import pyzipper

    archive.close()
    return pyzipper.AESZipFile(io.BytesIO(data))


def _read(
    archive: Any, info: zipfile.ZipInfo, name: str, members: Members, passwords: Sequence[str]
) -> None:
    if name.endswith("/") or is_junk(name):
        return
    members.budget.take_member()
    path = member_path(name)
    mode = info.external_attr >> 16
    if path is None:
        members.problem(name, FileStatus.FAILED, LEADS_OUT)
    elif stat.S_ISLNK(mode):
        members.problem(path, FileStatus.UNSUPPORTED, "a link, which is not followed")
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        members.problem(path, FileStatus.UNSUPPORTED, "not a regular file")
    else:
        try:
            data = _unpacked(archive, info, members, passwords)
        except BudgetError:
            raise
        except DocumentError as error:
            members.fail(path, error)
        else:
            members.read(path, data)


def _unpacked(
    archive: Any, info: zipfile.ZipInfo, members: Members, passwords: Sequence[str]
) -> bytes:
    if not info.flag_bits & _ENCRYPTED:
        return _with_password(archive, info, members, None)
    for password in passwords:
        for encoding in ("utf-8", "cp437"):
            try:
                return _with_password(archive, info, members, password.encode(encoding, "replace"))
            except _WrongPasswordError:
                continue
    tried = "none of the passwords fits" if passwords else ""
    raise DocumentError(
        "it is protected by a password" + (f", and {tried}" if tried else ""),
        hint="Give it by `passwords` or KNOW_PASSWORDS_FILE.",
    )


class _WrongPasswordError(Exception):
    """The password does not fit."""


def _with_password(
    archive: Any, info: zipfile.ZipInfo, members: Members, password: bytes | None
) -> bytes:
    packed = max(info.compress_size, 1)
    try:
        stream: IO[bytes]
        with archive.open(info, pwd=password) as stream:
            return read_all(stream, packed, members.budget)
    except NotImplementedError as error:
        raise DocumentError(f"it is packed in a way that can't be read: {error}") from error
    except RuntimeError as error:  # what zipfile raises for a password that does not fit
        raise _WrongPasswordError from error
    except DAMAGE as error:
        if password is not None:  # one wrong password of 256 passes the first check
            raise _WrongPasswordError from error
        reason = " ".join(clean(str(error)).split())[:200]
        raise DocumentError(f"it is damaged or cut off: {reason}") from error


def _paths(infos: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield the names, those of old programs decoded from what they seem to be in."""
    raw = [
        info.filename.encode("cp437", "replace")
        for info in infos
        if not info.flag_bits & _UTF8 and not info.filename.isascii()
    ]
    names = iter(decoded(raw))
    for info in infos:
        own = info.flag_bits & _UTF8 or info.filename.isascii()
        name = info.filename if own else next(names)
        yield clean(_unicode_path(info) or name)


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """Return the name in the extra field that Info-ZIP writes beside one in an old encoding."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == _UNICODE_PATH and size > 5:
            try:
                return extra[9 : 4 + size].decode()
            except UnicodeDecodeError:
                return None
        extra = extra[4 + size :]
    return None


def _salvage(data: bytes, members: Members) -> None:
    """Read what an archive without its end still holds."""
    path = before = ""
    try:
        for name, stream, packed in salvage(data):
            path = member_path(name) or ""
            if not path or is_junk(path):
                continue
            members.budget.take_member()
            members.read(path, read_all(stream, packed, members.budget))
            before = path
    except DocumentError as error:
        members.fail(path, error)
    except DAMAGE:
        if path != before:
            members.problem(path, FileStatus.FAILED, CUT_OFF)
    if not before:
        raise DocumentError(
            "its ZIP structure is damaged or cut off, and nothing in it can be read",
            hint="Is the file complete? Copy or download it again.",
        )
    members.cut_off(before)


# What a ZIP archive holds whose end is cut off: its directory stands there.
#
# Each member has a header of its own in front of it ("local file header", APPNOTE.TXT 4.3.7).

_HEADER = struct.Struct("<4s5H3I2H")
_MARK = b"PK\3\4"
_ENDS = (b"PK\1\2", b"PK\5\6", b"PK\6\6")  # the directory, and records after it
_ENCRYPTED_FLAG, _SIZES_FOLLOW = 0x1, 0x8
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
        readable = method in (_STORED, _DEFLATED) and not flags & _ENCRYPTED_FLAG
        if readable and not name.endswith("/"):
            yield name, stream, packed or len(data) - start
        while isinstance(stream, _Deflated) and stream.read(PIECE):
            pass  # its end is recorded nowhere else
        offset = stream.end


def _stream(data: bytes, start: int, flags: int, method: int, packed: int) -> _Deflated | _Stored:
    if method == _DEFLATED and not flags & _ENCRYPTED_FLAG:
        return _Deflated(data, start)
    if flags & _SIZES_FOLLOW or packed == _ZIP64:
        raise ValueError("a member of unknown size")
    return _Stored(data, start, packed)
