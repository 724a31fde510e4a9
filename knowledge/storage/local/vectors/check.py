"""Whether a published index holds one whole vector for each chunk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeError
from knowledge.settings.reading import environ_without_secrets
from knowledge.storage.local.catalog.database import FAILURES, open_to_look
from knowledge.storage.local.upkeep.integrity import database_damage
from knowledge.storage.local.vectors.checksums import SQLITE, damaged_files, read_checksums
from knowledge.storage.local.vectors.graph_files import graph_damage

_SECONDS = 120.0
_SECONDS_A_VECTOR = 0.005
_MOST_NAMED = 3


def index_damage(folder: Path, ids: Sequence[str], dimensions: int | None) -> str:
    """Return what is wrong with an index, in words; empty when it is whole.

    Parameters
    ----------
    folder:
        Of the published generation.
    ids:
        Of the chunks whose vectors it should hold.
    dimensions:
        What the model's vectors have.
    """
    if not folder.is_dir():
        return "its folder is missing"
    told = list(damaged_files(folder, thorough=True))
    if told:
        return "; ".join(told[:_MOST_NAMED])
    damage = database_damage(folder / SQLITE, frozenset({"collections", "embeddings"}))
    if damage:
        return f"{SQLITE}: {damage}"
    if not read_checksums(folder) and (damage := graph_damage(folder)):
        return damage
    if others := _others(folder, ids):
        return f"{others} vectors belong to no chunk"
    return _told(_ask(folder, ids), len(ids), dimensions)


def checksums_missing(folder: Path) -> bool:
    """Tell whether an index has no checksums: an older version wrote it, or they are damaged."""
    return folder.is_dir() and not read_checksums(folder)


def _others(folder: Path, ids: Sequence[str]) -> int:
    """Count the vectors in an index that none of the chunks has."""
    try:
        with closing(open_to_look(folder / SQLITE)) as connection:
            held = {row[0] for row in connection.execute("SELECT embedding_id FROM embeddings")}
    except FAILURES:
        return 0  # Chroma's own reading says more
    return len(held - set(ids))


def _told(answer: dict[str, Any], count: int, dimensions: int | None) -> str:
    if answer["error"]:
        return str(answer["error"])
    if answer["missing"]:
        return f"{answer['missing']} of {count} chunks have no vector"
    if answer["broken"]:
        return f"{answer['broken']} of {count} vectors are not numbers, or not of unit length"
    if None not in (dimensions, answer["dimensions"]) and dimensions != answer["dimensions"]:
        return f"its vectors have {answer['dimensions']} dimensions, the model's {dimensions}"
    return ""


def _ask(folder: Path, ids: Sequence[str]) -> dict[str, Any]:
    """Read the index in a process of its own; what kills that process is an answer too."""
    package = str(Path(__file__).parents[4])  # the process may start anywhere
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "knowledge.storage.local.vectors.check_process"],
            input=json.dumps({"folder": str(folder), "ids": list(ids)}) + "\n",
            env={**environ_without_secrets(os.environ), "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=_SECONDS + _SECONDS_A_VECTOR * len(ids),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": "reading it does not end"}
    except OSError as error:
        raise KnowledgeError(f"the index {folder} can't be checked: {error}") from error
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    return {"error": f"reading it kills the process ({_how(done.returncode)})"}


def _how(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"
