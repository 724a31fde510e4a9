"""``knowledge cache stats`` and ``knowledge cache clear``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from knowledge.cli.groups import group
from knowledge.cli.options.common import YesOption
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import KnowledgeError, UsageError
from knowledge.records import upkeep as records
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.reports import CacheStats

_MIB = 1024 * 1024


def cache_stats(session: Session) -> None:
    """Show the contents of the embedding cache, by model.

    Example:  knowledge cache stats
    """
    with session.open() as kb:
        stats = kb.upkeep.cache_stats()
    _show(session, stats)


def clear_cache(
    session: Session,
    yes: YesOption = False,
) -> None:
    """Remove all cached vectors; datasets keep theirs.

    Texts that are embedded again afterwards are paid for again.

    Example:  knowledge cache clear --yes
    """
    with session.open() as kb:
        vectors = kb.upkeep.cache_stats().vectors
        if not yes and vectors:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise UsageError(
                    "clearing the cache needs --yes, since there is no terminal to ask on"
                )
            if not session.confirm(f"Forget {counted(vectors, 'vector')}?"):
                session.note("nothing was cleared")
                raise Exit(KnowledgeError.exit_code)
        stats = kb.upkeep.clear_cache()
    if session.json:
        session.print_json(records.cache(stats, str(stats.path)))
    elif not session.quiet:
        write(f"{counted(stats.vectors, 'vector')} forgotten\n")


def _show(session: Session, stats: CacheStats) -> None:
    if session.json:
        session.print_json(records.cache(stats, str(stats.path)))
        return
    show_table(
        session,
        ("VECTORS", "MIB", "MODEL"),
        [(str(m.vectors), f"{m.bytes / _MIB:.1f}", _shown(m.name)) for m in stats.models],
        right=(0, 1),
    )
    limit = f"{stats.limit // _MIB:,} MiB" if stats.limit else "0: the cache is off"
    vectors, size = counted(stats.vectors, "vector"), f"{stats.bytes / _MIB:,.1f} MiB"
    session.note(f"{stats.path}: {vectors}, {size}; limit {limit}")


def _shown(name: str) -> str:
    """Return a model's name as people write it; its options follow where it has some."""
    try:
        (provider, model, options), end = json.JSONDecoder().raw_decode(name)
    except ValueError:
        return name
    listed = ", ".join(f"{option}={value}" for option, value in options.items() if value)
    rest = name[end:].removesuffix(" at ").replace(" at  ", " ")  # without an address
    return f"{provider}:{model}{f' ({listed})' if listed else ''}{rest}"


app = group(
    "cache",
    "Show or clear the embedding cache, which saves repeated requests.\n\n"
    "Example:  knowledge cache stats",
    {"stats": cache_stats, "clear": clear_cache},
)
