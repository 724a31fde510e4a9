"""What a process of :mod:`machines` does: ingest edition after edition, or ask all the while.

    python -m tests.durability.machine_work write|ask ORDER

``ORDER`` is a JSON object, the arguments of :func:`write` or :func:`ask`. What was done is printed
at the end, as another one.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowledge.errors import DatasetNotFoundError
from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from tests.durability import editions, programs

SHARED = "shared"
"""The dataset that all machines write, each with documents of its own."""
OPTIONS = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
MODES = ("hybrid", "dense", "keyword")
_BY_COMMAND = 6
"""One ingest in so many is a command of its own."""
_KEPT = 5
"""So many questions are asked with the same connections."""


def shared_by(machine: str) -> str:
    """Return the name of the documents that a machine gives to the shared dataset."""
    return f"{SHARED}-{machine}"


def write(docs: str, machine: str, name: str, shares: bool, seconds: float) -> dict[str, Any]:
    """Ingest edition after edition into a dataset, and in turn into the shared one.

    Parameters
    ----------
    docs:
        The folder of all documents; those of a set are in a folder of its name.
    name:
        The dataset, and the set of its documents.
    shares:
        Whether this process writes the machine's part of the shared dataset too.
    """
    end = time.monotonic() + seconds
    said: list[str] = []
    ingests = number = 0
    while number < 2 or time.monotonic() < end:
        number += 1
        targets = [(name, name), (SHARED, shared_by(machine))]
        for dataset, documents in targets[: 1 + shares]:
            folder = editions.write(Path(docs) / documents, documents, number)
            ingests += 1
            if ingests % _BY_COMMAND == 0:
                done = programs.run("ingest", folder, "-d", dataset, "--prune", env=os.environ)
                assert done.returncode == 0, done.stderr
                continue
            with KnowledgeBase(Settings.read(**OPTIONS), notify=said.append) as kb:
                report = kb.ingest(folder, dataset, prune=True)
                assert not report.failed, report
                shown = _shown(kb, dataset, "hybrid")
                assert shown[documents] == number, f"{shown} after edition {number}"
    return {"ingests": ingests, "said": said}


def ask(datasets: Sequence[str], seconds: float, seed: int) -> dict[str, Any]:
    """Ask for all that a dataset holds; each answer must be of whole editions, and never older
    than the one before."""
    end = time.monotonic() + seconds
    chance = random.Random(seed)
    newest: dict[str, int] = {}
    changes = answers = 0
    while not newest or time.monotonic() < end:
        with KnowledgeBase(Settings.read(**OPTIONS)) as kb:
            for _ in range(_KEPT):
                shown = _shown(kb, chance.choice(datasets), chance.choice(MODES))
                older = {
                    name: number for name, number in shown.items() if number < newest.get(name, 0)
                }
                assert not older, f"{older} after {newest}"
                changes += sum(newest.get(name) != number for name, number in shown.items())
                newest |= shown
                answers += bool(shown)
    return {"answers": answers, "changes seen": changes}


def _shown(kb: KnowledgeBase, dataset: str, mode: str) -> dict[str, int]:
    """Return the number of the edition of each set that a dataset shows."""
    try:
        hits = kb.retrieve(editions.QUESTION, dataset, top_k=editions.ALL, mode=mode, fold=False)
    except DatasetNotFoundError:
        return {}
    return editions.seen(hits)


def main() -> None:
    work = {"write": write, "ask": ask}[sys.argv[1]]
    print(json.dumps(work(**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
