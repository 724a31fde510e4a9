"""The structured form of JSON, and nothing else: ``{"metadata": {…}, "documents": [{…}]}``."""

from __future__ import annotations

from knowledge.documents.loaders.text import json
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError


def load(source: Source) -> Loaded:
    """Read the documents, each with its own metadata.

    Raises
    ------
    DocumentError
        It is other JSON, or none.
    """
    loaded = json.load(source)
    if isinstance(loaded, Loaded):
        return loaded
    raise DocumentError(
        "it is not the structured form of JSON",
        hint='That is {"metadata": {}, "documents": [{"metadata": {}, "content": "..."}]}',
    )
