"""Mails as files (EML): header fields and text, attachments as members."""

from __future__ import annotations

import re

from knowledge.documents.containers import Members
from knowledge.documents.loaders.mail.mime import parse
from knowledge.documents.loaders.mail.text import document_of, read_attachments
from knowledge.documents.loading import Loaded, Source

_APPLE = re.compile(rb"\A\d{1,12}[ \t]*\r?\n")  # an emlx file begins with the mail's length


def load(source: Source) -> Loaded:
    """Read a mail.

    Raises
    ------
    DocumentError
        It is no mail, or it lies too deep in other files.
    """
    members = Members(source)
    data = source.data
    length = _APPLE.match(data)
    if length:
        data = data[length.end() : length.end() + int(length[0])]
    mail = parse(data, source.options, members)
    document = document_of(mail, "email")
    members.own(document)
    read_attachments(mail.attachments, members)
    return members.loaded(document.metadata)
