"""Bytes to documents: find the format, let its loader read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module

from knowledge.documents.detection import detect
from knowledge.documents.formats import BY_NAME, names_where
from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.panics import panics_as_errors
from knowledge.documents.signatures import advice, describe
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, FileProblem, Metadata
from knowledge.text.wording import shortened

_VERBATIM = names_where("verbatim")


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


def load(
    data: bytes, name: str, options: LoadOptions | None = None, format_: str | None = None
) -> Loaded:
    """Read a file.

    Parameters
    ----------
    data:
        The file's bytes.
    name:
        Its name, which helps to find its kind.
    options:
        What the user says about reading.
    format_:
        What it is read as; ``None`` is what it seems to be.

    Raises
    ------
    UnsupportedDocumentError
        No loader knows this kind of file; the message says what it seems to be.
    EmptyDocumentError
        It holds no text; the message says why, where that is known.
    DocumentError
        It is malformed, protected by a password, or holds too much text.
    """
    options = options or LoadOptions()
    if not data:
        raise EmptyDocumentError("the file is empty")
    kind = format_ or detect(name, data)
    if kind is None:
        seems = describe(data)
        raise UnsupportedDocumentError(seems or "binary data of no known kind", hint=advice(seems))
    if kind in _VERBATIM:
        _check_size(len(data), options.max_text)
    loaded = _load(kind, data, name, options)
    _check_size(sum(len(document.text) for document in loaded.documents), options.max_text)
    with_text = tuple(document for document in loaded.documents if document.text.strip())
    if not with_text and not loaded.problems:
        raise EmptyDocumentError("it holds no text")
    return replace(loaded, documents=with_text)


def _load(kind: str, data: bytes, name: str, options: LoadOptions) -> Loaded:
    read = import_module(f"knowledge.documents.loaders.{BY_NAME[kind].loader}").load
    try:
        with panics_as_errors("reading it"):
            found: Document | Loaded = read(data, name, options)
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
