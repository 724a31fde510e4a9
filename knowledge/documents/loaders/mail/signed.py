"""Signed files of their own (P7M): the mail or the file that is in the envelope."""

from __future__ import annotations

from dataclasses import replace

from knowledge.documents.containers import Members
from knowledge.documents.loaders.mail import message
from knowledge.documents.loaders.mail.smime import inner_name, is_mail, unwrapped
from knowledge.documents.loading import Loaded, Source


def load(source: Source) -> Loaded:
    """Read a file of its own: the mail that is in it, or the file, which is a member.

    Raises
    ------
    DocumentError
        It is encrypted or damaged, packs too much, or lies too deep in other files.
    UnsupportedDocumentError
        It holds a signature or certificates alone.
    """
    if is_mail(source.data):  # a mail with all its header fields, saved under this name
        return message.load(replace(source, format="mail"))
    content = unwrapped(source.data)
    if is_mail(content):
        return message.load(replace(source, data=content, format="mail"))
    members = Members(source)
    members.budget.take_member()
    members.read(inner_name(source.name), content)
    return members.loaded()
