"""``knowledge version``."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.records import program as records

PARTS = ("chromadb", "openai", "kreuzberg", "semantic-text-splitter", "wordllama")


def version_line() -> str:
    """Return the program's name and version."""
    return f"knowledge {installed('knowledge')}"


def version(session: Session) -> None:
    """Print the version.

    Example:  knowledge version --json
    """
    if session.json:
        session.print_json(
            records.version(
                installed("knowledge"),
                platform.python_version(),
                platform.platform(),
                {name: installed(name) for name in PARTS},
            )
        )
        return
    write(version_line() + "\n")
    if session.verbose:
        for name in PARTS:
            write(f"{name} {installed(name)}\n")
