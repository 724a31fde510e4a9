"""Results as a table for people and as JSON for programs, with machine, versions and date."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
PACKAGES = "knowledge chromadb numpy typer tokenizers semantic-text-splitter openai httpx".split()


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found.

    Parameters
    ----------
    name:
        The benchmark's.
    what:
        A sentence on what was measured.
    aim:
        What is to be reached, in words.
    columns, rows:
        The table; the first column names what was measured.
    verdict:
        What of the aim was reached, with the figures.
    facts:
        Sizes and the like.
    """

    name: str
    what: str
    aim: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    verdict: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The table in Markdown."""
        head = [f"| {' | '.join(self.columns)} |", f"|---|{'--:|' * (len(self.columns) - 1)}"]
        return "\n".join([*head, *(f"| {' | '.join(map(str, row))} |" for row in self.rows)])


def save(result: Result, folder: Path = RESULTS) -> None:
    """Write ``NAME.md`` and ``NAME.json``, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    around = surroundings()
    text = [f"# {result.name}", result.what, f"To reach: {result.aim}.", result.table]
    text += [f"- {sentence}" for sentence in result.verdict]
    said = "; ".join(f"{name} {value}" for name, value in {**result.facts, **around}.items())
    text.append(said)
    (folder / f"{result.name}.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
    content = json.dumps({**asdict(result), "surroundings": around}, indent=1, default=str)
    (folder / f"{result.name}.json").write_text(content + "\n", encoding="utf-8")
    print("\n\n".join(text), flush=True)


def surroundings() -> dict[str, Any]:
    """Return the machine, the versions and the date."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else "unknown",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
