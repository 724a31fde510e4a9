"""The parts of an Internet mail (RFC 5322, MIME): which are its text, which are attached."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from email import policy
from email.message import Message
from email.parser import BytesParser

from knowledge.documents.containers import MAX_DEPTH, Members
from knowledge.documents.loaders.mail import headers, tnef
from knowledge.documents.loaders.mail.smime import ENDING, inner_name, is_mail, unwrapped
from knowledge.documents.loaders.mail.text import (
    SMALL_IMAGE,
    Attachment,
    Mail,
    TextPart,
    better,
    html_part,
    text_part,
)
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError, UnsupportedDocumentError
from knowledge.model import FileStatus

_PARSER = BytesParser(policy=policy.compat32)  # the newer policies fail on broken headers
_SIGNATURES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_ENVELOPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENDINGS = {"text/plain": ".txt", "text/html": ".html", "message/rfc822": ".eml"}


def parse(data: bytes, options: LoadOptions, members: Members) -> Mail:
    """Read a mail from its bytes; parts that can't be read are noted with ``members``."""
    message = _PARSER.parsebytes(data.lstrip())
    date = headers.field(message, "Date")
    mail = Mail(
        {name: headers.field(message, name) for name in ("Subject", "From", "To", "Cc")},
        headers.date_of(date),
    )
    mail.fields["Date"] = mail.created or date
    walk = _Walk(options, members, mail)
    mail.parts = list(walk.parts(message)) or walk.wrapped
    return mail


class _Walk:
    """The walk over the parts of one mail; they are numbered in the order in which they stand."""

    def __init__(self, options: LoadOptions, members: Members, mail: Mail) -> None:
        self._options = options
        self._members = members
        self._mail = mail
        self._number = 0
        self._depth = 0
        self.wrapped: list[TextPart] = []
        """Texts of Outlook's wrapping, which mostly repeat the mail's own."""

    def parts(self, message: Message) -> Iterator[TextPart]:
        """Yield the parts that make the text; the others are put to the attachments."""
        if message.get_content_type() == "multipart/alternative":
            yield from self._alternative(message)
        elif message.get_content_maintype() == "multipart" and message.is_multipart():
            for part in _below(message):
                yield from self.parts(part)
        else:
            self._number += 1
            yield from self._leaf(message, self._number)

    def _alternative(self, message: Message) -> Iterator[TextPart]:
        found = [list(self.parts(part)) for part in _below(message)]
        forms = [form for form in found if form]
        if len(forms) == 2 and all(len(form) == 1 for form in forms):
            chosen = better(forms[0][0], forms[1][0])
            if chosen is not None:
                yield chosen
        elif forms:
            yield from forms[0]

    def _leaf(self, part: Message, number: int) -> Iterator[TextPart]:
        kind = part.get_content_type()
        if kind in _SIGNATURES:
            return
        name = headers.file_name(part)
        attached = part.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not attached and not name:
            text = self._text(part, number, kind)
            if text is not None:
                yield text
            return
        data = _content(part)
        if kind == "message/rfc822" and not name:
            name = headers.field(next(iter(_below(part)), part), "Subject")
        if kind in _ENVELOPES or name.lower().endswith(ENDING):
            yield from self._envelope(data, name, _name(name, kind, number))
        elif kind in tnef.MEDIA_TYPES or data.startswith(tnef.SIGNATURE):
            self._unwrap(data, _name(name, kind, number))
        elif data and not (_is_inside(part) and len(data) < SMALL_IMAGE):
            self._mail.attachments.append(Attachment(_name(name, kind, number), data))

    def _envelope(self, data: bytes, name: str, shown: str) -> Iterator[TextPart]:
        """Read what is signed: the parts of a mail, or an attached file."""
        try:
            content = unwrapped(data)
        except UnsupportedDocumentError as error:
            self._members.fail(shown, error, FileStatus.UNSUPPORTED)
            return
        except DocumentError as error:
            self._members.fail(shown, error)
            return
        if not is_mail(content):
            self._mail.attachments.append(Attachment(inner_name(name) or shown, content))
        elif self._depth < MAX_DEPTH:
            self._depth += 1
            yield from self.parts(_PARSER.parsebytes(content.lstrip()))
            self._depth -= 1

    def _unwrap(self, data: bytes, shown: str) -> None:
        try:
            mail = tnef.opened(data, self._options)
        except DocumentError as error:
            self._members.fail(shown, error)
            return
        self.wrapped += mail.parts
        self._mail.attachments += mail.attachments

    def _text(self, part: Message, number: int, kind: str) -> TextPart | None:
        try:
            text, warnings = headers.text_of(part)
            if kind == "text/plain":
                return text_part(number, text, warnings)
            return html_part(number, text, self._options)
        except DocumentError as error:
            self._members.fail(_name("", kind, number), error)
            return None


def _below(message: Message) -> list[Message]:
    parts = message.get_payload()
    return [part for part in parts if isinstance(part, Message)] if isinstance(parts, list) else []


def _content(part: Message) -> bytes:
    """Return the bytes of a part, also of an attached mail."""
    if part.is_multipart():
        try:
            return b"\n".join(below.as_bytes() for below in _below(part))
        except (LookupError, ValueError, TypeError, AttributeError):
            return b""  # it is too broken to be written again
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _name(name: str, kind: str, number: int) -> str:
    if not name:
        name = f"part-{number}"
    if kind == "message/rfc822" and not name.lower().endswith(".eml"):
        return f"{name}.eml"
    if "." in name:
        return name
    return name + (_ENDINGS.get(kind) or mimetypes.guess_extension(kind) or "")


def _is_inside(part: Message) -> bool:
    """Tell whether a part is a picture that the HTML text shows."""
    return part.get_content_maintype() == "image" and "content-id" in part
