"""How files of some types are read, cut and described, where the user says so for each type.

A recipe holds plain values only: it is sent to the worker processes, and its fingerprint tells
whether a file was made by the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from knowledge.documents.formats import names_where
from knowledge.documents.media_types import media_types
from knowledge.documents.options import LoadOptions, NotebookOptions, RowOptions
from knowledge.errors import DocumentError
from knowledge.model import Document, SplitterSpec, TextKind

if TYPE_CHECKING:
    from knowledge.documents.transformers import Transformer

_CONTAINERS = names_where("container")
_RECORDS = (TextKind.ROWS, TextKind.RECORDS)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the bytes of a file are read.

    Parameters
    ----------
    name:
        The loader's name, for messages.
    format:
        The format that a file is taken for, whatever it seems to be; empty is what it is.
    only:
        The formats it may be; empty is any.
    engine:
        The engine for the format, where it has several.
    passwords:
        Tried before the user's others. Not part of the fingerprint.
    pages:
        First page, and how many at most; 0 is all.
    source:
        Kept as the file's metadata ``source``, where it is not empty.
    as_images:
        Give the pages as images, for a model that reads them.
    """

    name: str = ""
    format: str = ""
    only: tuple[str, ...] = ()
    engine: str = ""
    passwords: tuple[str, ...] = field(default=(), repr=False)
    pages: tuple[int, int] = (1, 0)
    source: str = ""
    rows: RowOptions | None = None
    notebook: NotebookOptions | None = None
    as_images: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done with files of some types.

    Parameters
    ----------
    filetypes:
        As `is_of_type` takes them.
    splitter:
        How they are cut.
    cut_as:
        The kind of text they are cut as, records left out; ``None`` is the kind they are of.
    transformers:
        What is done with the passages, in order.
    note:
        What decides of the result beside this, such as the model that reads images.
    """

    splitter: SplitterSpec
    filetypes: tuple[str, ...] = ("*",)
    reading: Reading = field(default_factory=Reading)
    cut_as: TextKind | None = None
    transformers: tuple[Transformer, ...] = ()
    note: str = ""

    def options(self, given: LoadOptions) -> LoadOptions:
        """Return the options of reading, given those for all files."""
        reading = self.reading
        engines = dict(given.engines)
        if reading.engine:
            engines[reading.format] = reading.engine
        return replace(
            given,
            engines=engines,
            passwords=(*reading.passwords, *given.passwords),
            pages=reading.pages,
            rows=reading.rows,
            notebook=reading.notebook,
        )

    def format_of(self, name: str, data: bytes) -> str | None:
        """Return the format to read a file as; ``None`` leaves it to the file.

        A container is always unpacked.

        Raises
        ------
        DocumentError
            The loader does not read files of this kind.
        """
        from knowledge.documents.detection import detect

        found = detect(name, data)
        if found in _CONTAINERS:
            return None
        reading = self.reading
        if reading.only and found not in reading.only:
            raise DocumentError(
                f"the loader {reading.name!r} of the flow does not read this kind of file",
                hint="Narrow the flow's filetypes",
            )
        return reading.format or None

    def shaped(self, document: Document) -> Document:
        """Return a document as it is to be cut."""
        if self.cut_as is None or document.kind in _RECORDS:
            return document
        return replace(document, kind=self.cut_as)


def recipe_for(recipes: Sequence[Recipe], name: str, data: bytes) -> Recipe | None:
    """Return the first recipe for a file."""
    if not recipes:
        return None
    from knowledge.documents.detection import detect

    found = detect(name, data)
    return next((one for one in recipes if is_of_type(name, found, one.filetypes)), None)


def is_of_type(name: str, format_: str | None, filetypes: Iterable[str]) -> bool:
    """Tell whether a file is of one of some types.

    Parameters
    ----------
    name:
        The file's name.
    format_:
        Its format, as `knowledge.documents.detection` finds it.
    filetypes:
        ``*``, extensions with their dot, media types such as ``text/plain`` or ``image/*``; upper
        and lower case alike.
    """
    lower = name.lower()
    types = media_types(lower, format_)
    return any(_fits(kind.lower(), lower, types) for kind in filetypes)


def _fits(kind: str, name: str, types: tuple[str, ...]) -> bool:
    if kind == "*":
        return True
    if kind.startswith("."):
        return name.endswith(kind)
    if kind.endswith("/*"):
        return any(one.startswith(kind[:-1]) for one in types)
    return kind in types


def fingerprint(recipes: Sequence[Recipe]) -> str:
    """Return what tells these recipes from others; empty where there are none."""
    if not recipes:
        return ""
    content = [_content(recipe) for recipe in recipes]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _content(recipe: Recipe) -> Mapping[str, Any]:
    content = asdict(recipe)
    del content["reading"]["passwords"]
    return content
