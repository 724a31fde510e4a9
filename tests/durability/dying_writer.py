"""A program whose children ingest or delete, and kill themselves at one step.

It reads a JSON object a line and answers each with the child's exit code:

    {"data": FOLDER, "paths": [...], "target": NAME, "moment": "before", "number": 1}

``target`` is ``module:function`` or ``module:Class.method``; the child dies ``before`` or
``after`` the call of that ``number``, counted from 1. Without paths it deletes the dataset. All is
imported before the first child is forked, which saves most of the time of a run.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowledge.knowledge_base import KnowledgeBase

IMPORTED = (
    "chromadb",
    "knowledge.embeddings.local.static",
    "knowledge.ingestion.run.session",
    "knowledge.storage.relational.removal",
    "knowledge.storage.local.vectors.chroma",
    "safetensors",
    "semantic_text_splitter",
    "tokenizers",
)


def arm(target: str, moment: str, number: int) -> None:
    """Wrap the target so that it kills this process."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    calls = 0

    def deadly(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        mine = calls == number
        if mine and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def write(data: str, paths: Sequence[str]) -> None:
    settings = {"chunk_size": 40, "chunk_overlap": 0, "embedding_model_provider": "static"}
    with KnowledgeBase.open(data, **settings) as kb:
        if paths:
            kb.ingest(list(paths), prune=True)
        else:
            kb.datasets.delete("default")


def child(data: str, paths: Sequence[str], target: str, moment: str, number: int) -> None:
    """Do the work in a forked process, which never returns."""
    try:
        arm(target, moment, number)
        write(data, paths)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    if threads.exists():
        assert len(list(threads.iterdir())) == 1, "forking with threads is not safe"
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(**json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
