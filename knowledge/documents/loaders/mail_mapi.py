"""Outlook's message properties inside an OLE file, as [MS-OXMSG] lays them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from knowledge.documents.cleaning import clean
from knowledge.documents.loaders.mail_headers import decoded_bytes, known_charset
from knowledge.errors import DocumentError

SUBJECT, BODY, HTML, RTF, INTERNET_HEADERS = 0x0037, 0x1000, 0x1013, 0x1009, 0x007D
SUBMITTED, DELIVERED = 0x0039, 0x0E06
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
AUTHOR_NAME, AUTHOR_ADDRESS, AUTHOR_SMTP = 0x0042, 0x0065, 0x5D02  # "sent representing"
DISPLAY_TO, DISPLAY_CC = 0x0E04, 0x0E03
RECIPIENT_TYPE, DISPLAY_NAME, ADDRESS, SMTP = 0x0C15, 0x3001, 0x3003, 0x39FE
DATA, SHORT_NAME, LONG_NAME, CONTENT_ID, MIME = 0x3701, 0x3704, 0x3707, 0x3712, 0x370E
CODEPAGES = (0x3FFD, 0x3FDE)  # of the message, of its Internet form

_UNICODE, _STRING, _BINARY, _OBJECT = 0x001F, 0x001E, 0x0102, 0x000D
_INTEGER, _TIME = 0x0003, 0x0040
_HEADERS = {"": 32, "message": 24}
"""Bytes before the first fixed property, by what holds them; 8 for attachments and recipients."""

_ENTRY = 16
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Storage:
    """The properties of a message, an attachment or a recipient.

    Parameters
    ----------
    ole:
        The open file.
    path:
        Names of the storages down to this one.
    what:
        "message" for an embedded message, "part" for attachments and recipients, else empty.
    codepage:
        The character set of its strings that are not Unicode.
    """

    ole: Any
    path: tuple[str, ...] = ()
    what: str = ""
    codepage: str | None = None
    _fixed: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        data = self._stream("__properties_version1.0") or b""
        for start in range(_HEADERS.get(self.what, 8), len(data) - _ENTRY + 1, _ENTRY):
            tag = int.from_bytes(data[start : start + 4], "little")
            self._fixed[tag] = data[start + 8 : start + _ENTRY]
        if self.codepage is None:
            pages = filter(None, map(self.integer, CODEPAGES))
            self.codepage = next(filter(None, map(_charset, pages)), None)

    def text(self, *properties: int) -> str:
        """Return the first of these properties that holds text; empty when none does."""
        for number in properties:
            data = self._property(number, _UNICODE)
            if data:
                return clean(data.decode("utf-16-le", "replace"))
            data = self._property(number, _STRING)
            if data:
                return self._decoded(data)
        return ""

    def line(self, *properties: int) -> str:
        """Return the first of these properties that holds text, in one line."""
        return " ".join(self.text(*properties).split())

    def binary(self, number: int) -> bytes:
        """Return a property's bytes; none when it is missing."""
        return self._property(number, _BINARY) or b""

    def integer(self, number: int) -> int | None:
        """Return a property that is a number."""
        data = self._fixed.get(number << 16 | _INTEGER)
        return None if data is None else int.from_bytes(data[:4], "little")

    def time(self, *properties: int) -> datetime | None:
        """Return the first of these properties that is a time."""
        for number in properties:
            data = self._fixed.get(number << 16 | _TIME, bytes(8))
            ticks = int.from_bytes(data, "little")  # of 100 ns
            if 0 < ticks < 1 << 62:
                try:
                    return (_EPOCH + timedelta(microseconds=ticks // 10)).replace(microsecond=0)
                except OverflowError:
                    continue
        return None

    def below(self, prefix: str) -> list[Storage]:
        """Return the storages whose names begin so: attachments or recipients, in order."""
        depth = len(self.path) + 1
        names = {
            entry[depth - 1]
            for entry in self.ole.listdir(streams=False, storages=True)
            if len(entry) == depth and tuple(entry[:-1]) == self.path
        }
        found = sorted(name for name in names if name.lower().startswith(prefix))
        return [Storage(self.ole, (*self.path, name), "part", self.codepage) for name in found]

    def embedded(self) -> Storage | None:
        """Return the message that this attachment is, if it is one."""
        path = (*self.path, _name(DATA, _OBJECT))
        if not self.ole.exists([*path, "__properties_version1.0"]):
            return None
        return Storage(self.ole, path, "message")

    def _property(self, number: int, kind: int) -> bytes | None:
        return self._stream(_name(number, kind))

    def _stream(self, name: str) -> bytes | None:
        path = [*self.path, name]
        if not self.ole.exists(path) or self.ole.get_type(path) != 2:
            return None
        with self.ole.openstream(path) as stream:
            data: bytes = stream.read()
        return data

    def _decoded(self, data: bytes) -> str:
        try:
            return decoded_bytes(data, self.codepage)[0]
        except DocumentError:
            return clean(data.decode("cp1252", "replace"))


def _name(number: int, kind: int) -> str:
    return f"__substg1.0_{number:04X}{kind:04X}"


def _charset(codepage: int) -> str | None:
    names = {65001: "utf-8", 20127: "ascii", 28591: "latin-1", 50220: "iso2022_jp"}
    return known_charset(names.get(codepage, f"cp{codepage}"))
