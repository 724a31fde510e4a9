"""Rows of the catalog as they must be: what can't be right is replaced by what does no harm."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from knowledge.model import PageUnit, SplitterSpec
from knowledge.storage.relational.packing import UNREADABLE, unpacked
from knowledge.storage.relational.rows import now

Row = dict[str, Any]
Mend = Callable[[Any], Any]

_EPOCH = "1970-01-01T00:00:00+00:00"


class HopelessRowError(ValueError):
    """Nothing can be made of a row: what tells it from others is damaged."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _needed(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise HopelessRowError("a name is missing")
    return value


def _words(value: Any) -> Any:
    text = unpacked(value)
    if not isinstance(text, str) or not text.strip() or text == UNREADABLE:
        raise HopelessRowError("a chunk without a text is none")
    return value  # as it is stored


def _hash_id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{32}", value):
        raise HopelessRowError("an id is not an id")
    return value


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _needed_number(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise HopelessRowError("a number is missing")
    return value


def _number_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _count_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: Any) -> str:
    try:
        if datetime.fromisoformat(value).tzinfo is not None:
            return str(value)
    except (ValueError, TypeError):
        pass
    return _EPOCH


def _object(value: Any) -> str:
    return value if isinstance(_parsed(value), dict) else "{}"


def _object_or_none(value: Any) -> str | None:
    return value if isinstance(_parsed(value), dict) else None


def _model_or_none(value: Any) -> str | None:
    model = _parsed(value)
    whole = isinstance(model, dict) and all(
        isinstance(model.get(name), kind)
        for name, kind in (("provider", str), ("model", str), ("options", dict))
    )
    return value if whole and set(model) == {"provider", "model", "dimensions", "options"} else None


_PLACE_NUMBERS = ("lead", "row_start", "row_end")


def _place(value: Any) -> str | None:
    place = _parsed(value)
    if not isinstance(place, dict):
        return None
    for name, part in place.items():
        if not isinstance(part, int if name in _PLACE_NUMBERS else str):
            return None
    return value if place.get("unit", PageUnit.PAGE) in set(PageUnit) else None


def _headings(value: Any) -> str:
    found = _parsed(value)
    whole = isinstance(found, list) and all(isinstance(one, str) for one in found)
    return value if whole else "[]"


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return None


_DATASET: Mapping[str, Mend] = {
    "id": _needed_number,
    "key": _needed,
    "name": _text,
    "generation": _number,
    "vectors": _number,
    "provider": _text_or_none,
    "model": _text_or_none,
    "dimensions": _number_or_none,
    "model_options": _object_or_none,
    "chunk_size": _number_or_none,
    "chunk_overlap": _number_or_none,
    "metadata": _object,
    "files": _number,
    "chunks": _number,
    "dead": _number,
    "staged": _number,
    "created_at": _moment,
    "updated_at": _moment,
    "touched": _number,
    "sparse": _model_or_none,
}
_FILE: Mapping[str, Mend] = {
    "row": _needed_number,
    "dataset": _needed_number,
    "id": _hash_id,
    "path": _needed,
    "name": _text,
    "size": _number,
    "mtime_ns": _number,
    "content_hash": _text,
    "chunks": _number,
    "tokens": _number,
    "metadata": _object,
    "given": _object,
    "ingested_at": _moment,
    "added": _needed_number,
    "removed": _number_or_none,
    "remembered": _object_or_none,
}
_CHUNK: Mapping[str, Mend] = {
    "row": _needed_number,
    "dataset": _needed_number,
    "id": _hash_id,
    "file_id": _hash_id,
    "ordinal": _count,
    "text": _words,
    "heading": _headings,
    "char_start": _count,
    "char_end": _count,
    "line_start": _count_or_none,
    "line_end": _count_or_none,
    "page_start": _count_or_none,
    "page_end": _count_or_none,
    "tokens": _count,
    "added": _needed_number,
    "removed": _number_or_none,
    "place": _place,
    "metadata": _object_or_none,
    "language": _text_or_none,
}
_RUN: Mapping[str, Mend] = {
    "row": _needed_number,
    "dataset": _needed_number,
    "command": _needed,
    "started_at": _moment,
    "ended_at": lambda value: None if value is None else _moment(value),
    "outcome": _text_or_none,
    "generation": _number_or_none,
    "report": _object_or_none,
}
_PROBLEM: Mapping[str, Mend] = {
    "row": _needed_number,
    "dataset": _needed_number,
    "file": _needed,
    "status": _needed,
    "reason": _text,
    "seen_at": _moment,
}
TABLES: Mapping[str, Mapping[str, Mend]] = {
    "datasets": _DATASET,
    "files": _FILE,
    "chunks": _CHUNK,
    "runs": _RUN,
    "problems": _PROBLEM,
}
"""The columns of each table, in the order in which they are stored."""


def mended(table: str, row: Mapping[str, Any]) -> Row:
    """Return a row as it must be; one that is whole comes back as it is.

    Raises
    ------
    HopelessRowError
        Nothing can be made of it.
    """
    whole = {column: mend(row.get(column)) for column, mend in TABLES[table].items()}
    if table == "datasets":
        _mend_dataset(whole)
    if table == "chunks":
        _mend_places(whole)
    return whole


def _mend_places(row: Row) -> None:
    """Let no part of a text end before it begins; an import takes none that does."""
    for span in ("char", "line", "page"):
        start, end = row[f"{span}_start"], row[f"{span}_end"]
        if end is not None and (start is None or end < start):
            row[f"{span}_end"] = start


def _mend_dataset(row: Row) -> None:
    row["name"] = row["name"] or row["key"].rpartition("-")[0] or row["key"]
    if row["provider"] is None or row["model"] is None:
        row["provider"] = row["model"] = None
    else:
        row["model_options"] = row["model_options"] or "{}"
        splitter = SplitterSpec()
        if row["chunk_size"] is None or row["chunk_overlap"] is None:
            row["chunk_size"], row["chunk_overlap"] = splitter.chunk_size, splitter.chunk_overlap
    if row["updated_at"] == _EPOCH:
        row["updated_at"] = now()
