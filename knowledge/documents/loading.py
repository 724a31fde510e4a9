"""Bytes to documents: find the format, let its loader read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module

from knowledge.documents.budget import Budget
from knowledge.documents.detection import detect
from knowledge.documents.format_row import Content, Format
from knowledge.documents.formats import BY_NAME
from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.documents.signatures import ELSEWHERE, advice, describe, is_pointer
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, FileProblem, Metadata
from knowledge.text.wording import shortened


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one file holds.

    Parameters
    ----------
    documents:
        In order; at least one with text. Several for a workbook or a container.
    problems:
        Members of a container that could not be read; ``file`` is the path inside it.
    metadata:
        Of the file as a whole.
    """

    documents: tuple[Document, ...]
    problems: tuple[FileProblem, ...] = ()
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """What a loader reads.

    Parameters
    ----------
    data:
        The file's bytes.
    name:
        Its name, which helps to find its format.
    options:
        What the user says about reading.
    format:
        What it is read as; empty is what it seems to be. Loaders always find it filled in.
    budget:
        What is left for members of the container around; ``None`` for a file of its own.
    announce:
        Called with the path of each member before it is read.
    """

    data: bytes = field(repr=False)
    name: str
    options: LoadOptions = field(default_factory=LoadOptions)
    format: str = ""
    budget: Budget | None = None
    announce: Callable[[str], None] | None = None


def load(
    data: bytes, name: str, options: LoadOptions | None = None, format_: str | None = None
) -> Loaded:
    """Read a file, given what `Source` holds of it.

    Raises
    ------
    DocumentError
        As `read` raises it.
    """
    return read(Source(data, name, options or LoadOptions(), format_ or ""))


def read(source: Source) -> Loaded:
    """Read a file, or a member of one.

    Raises
    ------
    UnsupportedDocumentError
        No loader knows this kind of file; the message says what it seems to be.
    EmptyDocumentError
        It holds no text; the message says why, where that is known.
    DocumentError
        It is malformed, protected by a password, or holds too much text.
    """
    data, limit = source.data, source.options.max_text
    if not data:
        raise EmptyDocumentError("the file is empty")
    if is_pointer(data):
        raise UnsupportedDocumentError(ELSEWHERE, hint="fetch it with: git lfs pull")
    found = source.format or detect(source.name, data)
    if found is None:
        seems = describe(data)
        raise UnsupportedDocumentError(seems or "binary data of no known kind", hint=advice(seems))
    row = BY_NAME[found]
    if row.content >= Content.VERBATIM:
        _check_size(len(data), limit)
    loaded = _loaded(row, replace(source, format=found))
    _check_size(sum(len(document.text) for document in loaded.documents), limit)
    with_text = tuple(document for document in loaded.documents if document.text.strip())
    if not with_text and not loaded.problems:
        raise EmptyDocumentError("it holds no text")
    return replace(loaded, documents=with_text)


def _loaded(row: Format, source: Source) -> Loaded:
    loader = import_module(f"knowledge.documents.loaders.{row.loader}")
    try:
        with panics_as_errors("reading it"):
            found: Document | Loaded = loader.load(source)
    except (DocumentError, MemoryError):
        raise
    except RecursionError as error:
        raise DocumentError("it can't be read: it is nested too deep") from error
    except Exception as error:  # what a malformed file leads a loader to is the file's fault
        raise DocumentError(
            f"it can't be read: {type(error).__name__}: {shortened(str(error))}"
        ) from error
    if isinstance(found, Loaded):
        return found
    return Loaded((found,), metadata=found.metadata)


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise DocumentError(
            f"it holds {size / MIB:.0f} MiB of text, more than {limit / MIB:.0f} MiB, the limit",
            hint="KNOW_MAX_TEXT_SIZE raises it",
        )
