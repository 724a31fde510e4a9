"""Outlook messages (MSG): header fields and text, attachments as members."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from knowledge.documents.containers import MAX_DEPTH, Members
from knowledge.documents.loaders.mail.headers import decoded_bytes, iso, known_charset
from knowledge.documents.loaders.mail.text import (
    SMALL_IMAGE,
    Attachment,
    Mail,
    TextPart,
    better,
    document_of,
    html_part,
    read_attachments,
    safe_name,
    text_part,
)
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.loading import load as load_part
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import FileStatus, TextKind
from knowledge.text.cleaning import clean

# Outlook's message properties inside an OLE file, as [MS-OXMSG] lays them out.

SUBJECT, BODY, HTML, RTF = 0x0037, 0x1000, 0x1013, 0x1009
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


_TO, _CC = 1, 2


def load(source: Source) -> Loaded:
    """Read a message.

    Raises
    ------
    DocumentError
        It is no Outlook message, or it lies too deep in other files.
    """
    import olefile

    members = Members(source)
    if not olefile.isOleFile(data=source.data):
        raise DocumentError("it is not an Outlook message, or a damaged one")
    with olefile.OleFileIO(io.BytesIO(source.data)) as ole:
        return members.loaded(_Reader(source.options, members).message(Storage(ole), ""))


class _Reader:
    """Reads a message and the messages attached to it."""

    def __init__(self, options: LoadOptions, members: Members) -> None:
        self._options = options
        self._members = members

    def message(self, storage: Storage, path: str) -> dict[str, object]:
        """Take a message in; return its metadata. ``path`` is empty for the file itself."""
        mail = Mail(_fields(storage))
        sent = storage.time(SUBMITTED, DELIVERED)
        if sent is not None:
            mail.created = mail.fields["Date"] = iso(sent)
        part = self._text(storage, path)
        mail.parts = [part] if part else []
        self._members.own(document_of(mail, "olefile"), path)
        self._attached(storage, path)
        return dict(mail.metadata)

    def _attached(self, storage: Storage, path: str) -> None:
        folder = f"{path}!/" if path else ""
        files = []
        for part in storage.below("__attach_version1.0_"):
            inner = part.embedded()
            if inner is None:
                attachment = _attachment(part)
                files += [attachment] if attachment else []
                continue
            name = f"{folder}{safe_name(inner.line(SUBJECT) or 'message')}.msg"
            if len(inner.path) > 2 * MAX_DEPTH:
                reason = f"it lies more than {MAX_DEPTH} messages deep, the limit"
                self._members.problem(name, FileStatus.FAILED, reason)
            else:
                self.message(inner, name)
        read_attachments(files, self._members, folder)

    def _text(self, storage: Storage, path: str) -> TextPart | None:
        """Return the text in the best of the forms that are there: plain, HTML, RTF."""
        plain = text_part(1, storage.text(BODY))
        try:
            page = storage.text(HTML) or _html(storage)
            html = html_part(2, page, self._options) if page else None
            return better(plain, html) or self._rtf(storage)
        except DocumentError as error:
            if plain is None:
                self._members.fail(path, error)
            return plain

    def _rtf(self, storage: Storage) -> TextPart | None:
        packed = storage.binary(RTF)
        if not packed:
            return None
        from compressed_rtf import decompress

        try:
            data = decompress(packed)
        except ValueError as error:
            raise DocumentError(f"its text is damaged: {error}") from error
        (found,) = load_part(data, "message.rtf", self._options).documents
        return TextPart(3, found.text, TextKind(found.kind), found.warnings)


def _fields(storage: Storage) -> dict[str, str]:
    people: dict[int | None, list[str]] = {_TO: [], _CC: []}
    for recipient in storage.below("__recip_version1.0_"):
        kind = recipient.integer(RECIPIENT_TYPE)
        address = recipient.line(SMTP, ADDRESS)
        people.setdefault(kind, []).append(_person(recipient.line(DISPLAY_NAME), address))
    return {
        "Subject": storage.line(SUBJECT),
        "From": _sender(storage),
        "To": ", ".join(people[_TO]) or storage.line(DISPLAY_TO),
        "Cc": ", ".join(people[_CC]) or storage.line(DISPLAY_CC),
    }


def _sender(storage: Storage) -> str:
    """Return who sent a message, or for whom it was sent, by what is known of their addresses."""
    people = (
        (SENDER_NAME, SENDER_SMTP, SENDER_ADDRESS),
        (AUTHOR_NAME, AUTHOR_SMTP, AUTHOR_ADDRESS),
    )
    for name, *addresses in people:
        for address in map(storage.line, addresses):
            if "@" in address:
                return _person(storage.line(name), address)
    return storage.line(*(number for person in people for number in person))


def _person(name: str, address: str) -> str:
    if "@" not in address or name == address:  # inside a company it may be a directory's path
        return name or address
    return f"{name} <{address}>" if name else address


def _html(storage: Storage) -> str:
    data = storage.binary(HTML)
    return decoded_bytes(data, storage.codepage)[0] if data else ""


def _attachment(part: Storage) -> Attachment | None:
    data = part.binary(DATA)
    name = part.line(LONG_NAME, SHORT_NAME, DISPLAY_NAME) or "attachment"
    is_picture = part.line(MIME).startswith("image/") and part.line(CONTENT_ID)
    return Attachment(name, data) if data and not (is_picture and len(data) < SMALL_IMAGE) else None
