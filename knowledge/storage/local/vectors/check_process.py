"""A program that reads an index, of which a damaged one may kill it.

It takes one line of JSON on its standard input, which names the ``folder`` of an index and the
``ids`` that it should hold, and answers with one line of JSON: how many of them are ``missing``,
how many have a ``broken`` vector, how many ``dimensions`` there are, and an ``error`` in words.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.vector_index import VectorReader

_NEAR = 0.99


def examine(folder: Path, ids: Sequence[str]) -> dict[str, Any]:
    """Read an index through, and search it once."""
    from knowledge.storage.local.vectors.reader import open_reader
    from knowledge.storage.unit_vectors import unit_rows

    answer: dict[str, Any] = {"missing": 0, "broken": 0, "dimensions": None, "error": ""}
    try:
        reader = open_reader(folder)
        try:
            held, last = 0, None
            for found, vectors in reader.vectors(ids):
                held += len(found)
                if not found:
                    continue
                answer["dimensions"] = int(vectors.shape[1])
                good = unit_rows(vectors)
                answer["broken"] += int((~good).sum())
                last = vectors[-1] if good[-1] else last
            answer["missing"] = len(ids) - held
            if last is not None and not _finds(reader, last):
                answer["error"] = "a search does not find what is there"
        finally:
            reader.close()
    except KnowledgeError as error:
        answer["error"] = error.message
    return answer


def _finds(reader: VectorReader, vector: NDArray[np.float32]) -> bool:
    hits = reader.search(vector, 1)
    return bool(hits) and hits[0][1] > _NEAR


def main() -> None:
    """Answer the question on standard input."""
    asked = json.loads(sys.stdin.readline())
    answer = examine(Path(asked["folder"]), asked["ids"])
    os.write(1, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    main()
