"""The columns of a generation, kept beside its vectors, so that a question need not make them.

To read them from the catalog takes longer than all else of a question in a process of its own: a
text for each of hundreds of thousands of rows. Whoever has read them writes them down, where that
is allowed; they can always be read again. One line of JSON says of which state they are; int32
numbers follow. What is of another state, or is not what was written, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.files.private import private_output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.storage.columns import StoredColumns

NAME = "columns.int32"
_LONGEST = 10_000
"""Bytes of the first line."""
_MOST = 2**31 - 1


def state_of(dataset: Dataset, catalog: Path) -> dict[str, Any]:
    """Return what tells one state of a dataset from all others, also of a restored catalog."""
    facts = catalog.stat()
    return {
        "key": dataset.key,
        "generation": dataset.generation,
        "vectors": dataset.vectors,
        "updated_at": dataset.updated_at.isoformat(),
        "catalog": [facts.st_dev, facts.st_ino],
    }


def read(path: Path, state: dict[str, Any]) -> StoredColumns | None:
    """Return the columns of a state; ``None`` where there are none that are whole."""
    import numpy as np

    from knowledge.storage.columns import StoredColumns

    try:
        with path.open("rb") as file:
            told = json.loads(file.readline(_LONGEST))
            content = file.read()
        lengths = told["lengths"]
        if told["state"] != state or told["crc32"] != zlib.crc32(content):
            return None
        numbers = np.frombuffer(content, dtype="<i4")
        parts = np.split(numbers, np.cumsum(lengths))
        return StoredColumns(*parts[:-1]) if not len(parts[-1]) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def write(path: Path, state: dict[str, Any], columns: StoredColumns) -> None:
    """Keep the columns of a state, if that can be done."""
    parts: Sequence[NDArray[np.integer[Any]]] = [
        getattr(columns, field.name) for field in fields(columns)
    ]
    if max(int(part.max(initial=0)) for part in parts) > _MOST:
        return
    content = b"".join(part.astype("<i4").tobytes() for part in parts)
    told = {"state": state, "lengths": [*map(len, parts)], "crc32": zlib.crc32(content)}
    # It is only quicker with them: on a full disk, or one that may only be read, without.
    with contextlib.suppress(OSError), private_output(path) as part:
        part.write_bytes(json.dumps(told).encode() + b"\n" + content)


def forget(root: Path) -> None:
    """Remove those of all datasets of a data folder, before rows are given other numbers."""
    for path in root.glob(f"datasets/*/g*/{NAME}"):
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108  quicker to import
