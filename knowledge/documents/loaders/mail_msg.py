"""Outlook messages (MSG): header fields and text, attachments as members."""

from __future__ import annotations

import io

from knowledge.documents.containers import MAX_DEPTH, Members
from knowledge.documents.loaders import mail_mapi as mapi
from knowledge.documents.loaders.mail_headers import decoded_bytes, iso
from knowledge.documents.loaders.mail_mapi import Storage
from knowledge.documents.loaders.mail_text import (
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
from knowledge.documents.loading import Loaded
from knowledge.documents.loading import load as load_part
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import FileStatus, TextKind

_TO, _CC = 1, 2


def load(data: bytes, name: str, options: LoadOptions) -> Loaded:
    """Read a message.

    Raises
    ------
    DocumentError
        It is no Outlook message, or it lies too deep in other files.
    """
    del name
    import olefile

    members = Members(options)
    if not olefile.isOleFile(data=data):
        raise DocumentError("it is no Outlook message, or a damaged one")
    with olefile.OleFileIO(io.BytesIO(data)) as ole:
        return members.loaded(_Reader(options, members).message(Storage(ole), ""))


class _Reader:
    """Reads a message and the messages attached to it."""

    def __init__(self, options: LoadOptions, members: Members) -> None:
        self._options = options
        self._members = members

    def message(self, storage: Storage, path: str) -> dict[str, object]:
        """Take a message in; return its metadata. ``path`` is empty for the file itself."""
        mail = Mail(_fields(storage))
        sent = storage.time(mapi.SUBMITTED, mapi.DELIVERED)
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
            name = f"{folder}{safe_name(inner.line(mapi.SUBJECT) or 'message')}.msg"
            if len(inner.path) > 2 * MAX_DEPTH:
                reason = f"it lies more than {MAX_DEPTH} messages deep, the limit"
                self._members.problem(name, FileStatus.FAILED, reason)
            else:
                self.message(inner, name)
        read_attachments(files, self._members, folder)

    def _text(self, storage: Storage, path: str) -> TextPart | None:
        """Return the text in the best of the forms that are there: plain, HTML, RTF."""
        plain = text_part(1, storage.text(mapi.BODY))
        try:
            page = storage.text(mapi.HTML) or _html(storage)
            html = html_part(2, page, self._options) if page else None
            return better(plain, html) or self._rtf(storage)
        except DocumentError as error:
            if plain is None:
                self._members.fail(path, error)
            return plain

    def _rtf(self, storage: Storage) -> TextPart | None:
        packed = storage.binary(mapi.RTF)
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
        kind = recipient.integer(mapi.RECIPIENT_TYPE)
        address = recipient.line(mapi.SMTP, mapi.ADDRESS)
        people.setdefault(kind, []).append(_person(recipient.line(mapi.DISPLAY_NAME), address))
    return {
        "Subject": storage.line(mapi.SUBJECT),
        "From": _sender(storage),
        "To": ", ".join(people[_TO]) or storage.line(mapi.DISPLAY_TO),
        "Cc": ", ".join(people[_CC]) or storage.line(mapi.DISPLAY_CC),
    }


def _sender(storage: Storage) -> str:
    """Return who sent a message, or for whom it was sent, by what is known of their addresses."""
    people = (
        (mapi.SENDER_NAME, mapi.SENDER_SMTP, mapi.SENDER_ADDRESS),
        (mapi.AUTHOR_NAME, mapi.AUTHOR_SMTP, mapi.AUTHOR_ADDRESS),
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
    data = storage.binary(mapi.HTML)
    return decoded_bytes(data, storage.codepage)[0] if data else ""


def _attachment(part: Storage) -> Attachment | None:
    data = part.binary(mapi.DATA)
    name = part.line(mapi.LONG_NAME, mapi.SHORT_NAME, mapi.DISPLAY_NAME) or "attachment"
    is_picture = part.line(mapi.MIME).startswith("image/") and part.line(mapi.CONTENT_ID)
    return Attachment(name, data) if data and not (is_picture and len(data) < SMALL_IMAGE) else None
