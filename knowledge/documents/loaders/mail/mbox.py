"""Mailboxes (MBOX): each message a document, cited by its number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowledge.documents.budget import BudgetError
from knowledge.documents.containers import Members
from knowledge.documents.loaders.mail.mime import parse
from knowledge.documents.loaders.mail.text import document_of, read_attachments
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError

# The line between messages, at the start or after a blank line, with a header below it.
SEPARATOR = re.compile(
    rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n(?=[!-9;-~]+[ \t]*:|>?From )"
)
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)  # how a text line "From " is written


def load(source: Source) -> Loaded:
    """Read all messages of a mailbox.

    Raises
    ------
    DocumentError
        It is no mailbox, or it lies too deep in other files.
    """
    members = Members(source)
    number = 0
    for number, message in enumerate(_messages(source.data), 1):
        folder = f"message-{number}"
        try:
            mail = parse(message, source.options, members)
            members.own(document_of(mail, "email", number=number))
        except BudgetError as error:
            members.fail(folder, error)
            break
        except DocumentError as error:
            members.fail(folder, error)
            continue
        read_attachments(mail.attachments, members, f"{folder}/")
    if not number:
        raise DocumentError('it is not a mailbox: it does not begin with "From " and a header')
    return members.loaded({"message_count": number})


def _messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages one by one, without the line before each."""
    start = None
    for match in SEPARATOR.finditer(data):
        if start is not None:
            yield _QUOTED.sub(rb"\1", data[start : match.start()])
        start = match.end()
    if start is not None:
        yield _QUOTED.sub(rb"\1", data[start:])
