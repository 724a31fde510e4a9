"""Files attached to a PDF, as members of it."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.documents.budget import BudgetError
from knowledge.documents.containers import Members
from knowledge.documents.loaders.mail_text import Attachment, read_attachments, safe_name
from knowledge.documents.loading import Loaded
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.model import Document, FileProblem, FileStatus


def with_attachments(
    document: Document, attachments: Sequence[tuple[str, bytes]], options: LoadOptions
) -> Loaded:
    """Return a PDF's own text and the files attached to it, by name and bytes."""
    files = [Attachment(name, data) for name, data in attachments]
    try:
        members = Members(options)
    except DocumentError as error:  # the file itself may lie that deep, what is in it may not
        told = [
            FileProblem(safe_name(file.name), FileStatus.FAILED, error.message) for file in files
        ]
        return Loaded((document,), tuple(told), document.metadata)
    members.own(document)
    try:
        members.budget.take_bytes(sum(len(file.data) for file in files))
    except BudgetError as error:
        members.fail("", error)
    else:
        read_attachments(files, members)
    return members.loaded(document.metadata)
