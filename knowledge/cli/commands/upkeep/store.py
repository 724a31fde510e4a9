"""``knowledge store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.cli.commands.upkeep.upkeep import mib
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.tables import show_facts
from knowledge.cli.session import Exit, Session
from knowledge.cli.spelling import spelled
from knowledge.records import upkeep as records

if TYPE_CHECKING:
    from knowledge.storage.reports import Place, Places, Status


def store(session: Session) -> None:
    """Show which store keeps the datasets, whether it can be reached, and what it holds.

    Nothing is made by looking. If the store, or its server of vectors, can't be read, the exit
    code is that of the error with which other commands would end.

    Example:  knowledge store
    """
    with session.open() as kb:
        places = kb.upkeep.places()
        held = None if places.datasets.error else kb.upkeep.status()
    if session.json:
        session.print_json(records.store(places, held))
    else:
        show_facts(session, _facts(places, held))
    if places.error is not None:
        raise Exit(places.error.exit_code)


def _facts(places: Places, held: Status | None) -> list[tuple[str, str]]:
    facts = [("datasets in", one_line(places.datasets.name)), ("", place_state(places.datasets))]
    if places.vectors is not places.datasets:
        facts += [("vectors in", one_line(places.vectors.name)), ("", place_state(places.vectors))]
    if held is not None:
        counts = records.counts(held)
        facts.append(
            ("datasets, files, chunks", ", ".join(f"{count:,}" for count in counts.values()))
        )
        facts.append(("size", f"{mib(held.sizes.total)} MiB"))
        if (each := records.bytes_a_chunk(held)) is not None:
            facts.append(("bytes a chunk", f"{each:,}, without cache and backups"))
    return facts


def place_state(place: Place) -> str:
    """Say whether what a place keeps can be used, and with which versions."""
    if place.error is not None:
        return spelled(f"can't be used: {one_line(place.error.message)}. {place.error.hint}")
    known = ", ".join(f"{name} {version}" for name, version in place.versions.items())
    return f"can be used; {known}" if known else "can be used"
