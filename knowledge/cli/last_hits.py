"""The hits that were shown last, so that ``knowledge open 2`` knows what 2 is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from knowledge.errors import NotFoundError, UsageError
from knowledge.files.bounded_data import MAX_JSON, parse_json, read_text
from knowledge.files.private import private_files, replace_text
from knowledge.model import Hit
from knowledge.settings.user_folders import user_folder
from knowledge.text.wording import counted


class Place(NamedTuple):
    """Where a hit stands: ``page`` and ``line`` from 1, ``anchor`` an id; each may be ``None``."""

    file: str
    citation: str
    member: str | None = None
    page: int | None = None
    line: int | None = None
    anchor: str | None = None


def _path() -> Path:
    return user_folder("state") / "last-hits.json"


def remember(hits: Sequence[Hit]) -> None:
    """Remember hits in the user's own state folder; where nothing can be written, don't."""
    places = [
        Place(
            hit.file,
            hit.citation,
            hit.passage.member or None,
            hit.passage.page_start,
            hit.passage.line_start,
            hit.passage.anchor or None,
        )
        for hit in hits
    ]
    with contextlib.suppress(OSError, UnicodeEncodeError, UsageError), private_files():
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps([place._asdict() for place in places]))


def recalled(number: int) -> Place:
    """Return where the hit with this rank stands.

    Raises
    ------
    NotFoundError
        There are no such hits.
    """
    try:
        places = [Place(**one) for one in parse_json(read_text(_path(), MAX_JSON))]
    except (OSError, ValueError, TypeError, UsageError):
        places = []
    if not places:
        raise NotFoundError(
            "no hits are remembered", hint="`knowledge retrieve` shows hits with their numbers."
        )
    if not 1 <= number <= len(places):
        had = counted(len(places), "hit")
        raise NotFoundError(f"the last question had {had}; there is no {number}")
    return places[number - 1]
