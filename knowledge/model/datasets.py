"""What is kept: datasets with their models, and the files in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Metadata = Mapping[str, Any]
"""JSON values by name, given by the user or a loader."""


@dataclass(frozen=True, slots=True)
class SplitterSpec:
    """How documents are split; recorded with a dataset at its first ingest.

    Parameters
    ----------
    chunk_size:
        Maximum tokens in a chunk.
    chunk_overlap:
        Tokens shared by neighbouring chunks; less than ``chunk_size``.
    tokenizer:
        The OpenAI model whose encoding counts tokens. Not recorded: only flows set another one.
    """

    chunk_size: int = 256
    chunk_overlap: int = 40
    tokenizer: str = "gpt-4"


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """The identity of an embedding model; recorded with a dataset at its first ingest.

    Two specs with different fingerprints give vectors that cannot be compared.

    Parameters
    ----------
    provider, model:
        Names, as written by the user.
    dimensions:
        Length of a vector; ``None`` only before the first answer of a provider whose dimensions
        are not known beforehand.
    options:
        Options of the model beyond its name, such as ``{"dimensions": 512}``.
    """

    provider: str
    model: str
    dimensions: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The identity as text: provider, model and options, not what was learnt from answers."""
        return json.dumps([self.provider, self.model, dict(self.options)], sort_keys=True)

    def __str__(self) -> str:
        size = f", {self.dimensions} dimensions" if self.dimensions else ""
        return f"{self.provider}:{self.model}{size}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named collection of documents, as its last published generation shows it.

    ``vectors`` is the generation whose folder holds the vectors: an earlier one than
    ``generation`` when the last publish changed none. ``sparse`` is its second model, which gives
    texts as weights of terms.
    """

    name: str
    key: str
    generation: int
    vectors: int
    files: int
    chunks: int
    embedding: EmbedderSpec | None
    splitter: SplitterSpec | None
    metadata: Metadata
    created_at: datetime
    updated_at: datetime
    sparse: EmbedderSpec | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a dataset holds.

    ``path`` is the absolute path, the URL, or the name given to standard input. ``size`` counts
    bytes, ``mtime_ns`` nanoseconds since the epoch; ``content_hash`` is SHA-256 of the bytes, in
    hex.
    ``metadata`` comes from the format and the source of the document, ``given`` from the user.
    ``remembered`` is what the next run needs: the ``flags`` part of ``given``
    where ``.knowledge.json`` gave some of it, a page's ``etag`` and the like.
    """

    id: str
    path: str
    name: str
    size: int
    mtime_ns: int
    content_hash: str
    chunks: int
    tokens: int
    metadata: Metadata
    given: Metadata
    ingested_at: datetime
    remembered: Metadata = field(default_factory=dict)

    @property
    def all_metadata(self) -> dict[str, Any]:
        """Both kinds of metadata; the user's override the document's."""
        return {**self.metadata, **self.given}
