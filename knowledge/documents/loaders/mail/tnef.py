"""Outlook's own wrapping of a mail in another (TNEF, ``winmail.dat``), by tnefparse."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from knowledge.documents.containers import MAX_DEPTH, Members
from knowledge.documents.loaders.mail.headers import decoded_bytes, known_charset
from knowledge.documents.loaders.mail.text import (
    Attachment,
    Mail,
    TextPart,
    document_of,
    html_part,
    read_attachments,
    text_part,
)
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.loading import load as load_part
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import TextKind

SIGNATURE = b"\x78\x9f\x3e\x22"
MEDIA_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})


def load(source: Source) -> Loaded:
    """Read a file of its own; what is attached in it are members.

    Raises
    ------
    DocumentError
        It is damaged, or it lies too deep in other files.
    """
    members = Members(source)
    mail = opened(source.data, source.options)
    if mail.parts or not mail.attachments:
        members.own(document_of(mail, "tnefparse"))
    read_attachments(mail.attachments, members)
    return members.loaded(mail.metadata)


def opened(data: bytes, options: LoadOptions) -> Mail:
    """Return the mail that is wrapped: its subject, its text, and what is attached.

    Raises
    ------
    DocumentError
        It is damaged.
    """
    found = _parsed(data)
    part = _text(found, options)
    mail = Mail({"Subject": _subject(found)}, parts=[part] if part else [])
    mail.attachments = list(_attached(found, options, 1))
    return mail


def _parsed(data: bytes) -> Any:
    logging.getLogger("tnefparse").setLevel(logging.CRITICAL)
    from tnefparse import TNEF

    try:
        return TNEF(data, do_checksum=False)
    except Exception as error:  # it raises whatever a malformed file leads it to
        raise DocumentError("it is not an Outlook wrapping (TNEF), or a damaged one") from error


def _attached(found: Any, options: LoadOptions, depth: int) -> Iterator[Attachment]:
    for number, one in enumerate(found.attachments, 1):
        inner = getattr(one, "embed", None)
        if inner is None:
            yield Attachment(_name(one) or f"attachment-{number}", bytes(one.data))
        elif depth < MAX_DEPTH:
            part = _text(inner, options)
            if part is not None:
                ending = "md" if part.kind is TextKind.MARKDOWN else "txt"
                name = _subject(inner) or _name(one) or f"message-{number}"
                yield Attachment(f"{name}.{ending}", part.text.encode())
            yield from _attached(inner, options, depth + 1)


def _name(attachment: Any) -> str:
    charset = known_charset(attachment.codepage) if attachment.codepage else None
    try:
        return _string(attachment.long_filename()).strip()
    except UnicodeDecodeError:  # a short name in a code page
        return _string(attachment._name, charset).strip()
    except (ValueError, TypeError, IndexError):
        return ""


def _subject(found: Any) -> str:
    from tnefparse.properties import MAPI_SUBJECT

    for one in found.mapiprops:
        if one.name == MAPI_SUBJECT:
            return " ".join(_string(one.data).split())
    for one in found.msgprops:
        if one.name == found.ATTSUBJECT:
            return " ".join(_string(one.data).split())
    return ""


def _text(found: Any, options: LoadOptions) -> TextPart | None:
    """Return the text in the best of the forms that are there: HTML, RTF, plain."""
    charset = known_charset(found.codepage) if found.codepage else None
    if found.htmlbody:
        part = html_part(1, _string(found.htmlbody, charset), options)
        if part is not None:
            return part
    if found._rtfbody:
        try:
            (rich,) = load_part(found.rtfbody, "message.rtf", options).documents
            return TextPart(1, rich.text, TextKind(rich.kind), rich.warnings)
        except (ValueError, DocumentError):
            pass  # the plain form may do
    return text_part(1, _string(found.body, charset)) if found.body else None


def _string(value: Any, charset: str | None = None) -> str:
    if isinstance(value, list):
        value = b"".join(one for one in value if isinstance(one, bytes)) or "".join(value)
    if isinstance(value, bytes):
        value = decoded_bytes(value.rstrip(b"\0"), charset)[0]
    return str(value or "").rstrip("\0")
