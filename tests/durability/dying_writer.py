"""A program whose children ingest or delete, and are killed: by themselves at a step, or by others.

It reads a JSON object a line, and answers each with two: the child's process id, and when that has
ended its exit code:

    {"data": FOLDER, "paths": [...], "target": NAME, "moment": "before", "number": 1}

``target`` is ``module:function`` or ``module:Class.method``; the child dies ``before`` or
``after`` the call of that ``number``, counted from 1. Without a target it works to its end. Without
paths it deletes the dataset. All is imported before the first child is forked, which saves most of
the time of a run. :class:`DyingWriter` is how tests start it.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeError
from knowledge.knowledge_base import KnowledgeBase
from tests.durability.programs import Answering

IMPORTED = (
    "chromadb",
    "httpx",
    "knowledge.embeddings.local.static",
    "knowledge.ingestion.run.session",
    "knowledge.storage.relational.removal",
    "knowledge.storage.local.vectors.chroma",
    "psycopg",
    "safetensors",
    "semantic_text_splitter",
    "tokenizers",
)


class DyingWriter(Answering):
    """The program as a process; a context manager."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        quiet = {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        super().__init__(__name__, {**env, **quiet}, folder)

    def begin(self, data: Path, *paths: Path, **step: object) -> int:
        """Start a child; return its process id. :meth:`end` must be called before the next one."""
        case = {"data": str(data), "paths": [str(path) for path in paths], **step}
        self.send(case)
        return int(self.answer())

    def end(self) -> int:
        """Wait for the child; return its exit code, that of the command line, or minus a signal."""
        return int(self.answer())

    def run(self, data: Path, *paths: Path, **step: object) -> int:
        """Let a child work until it ends or dies; return its exit code."""
        self.begin(data, *paths, **step)
        return self.end()


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


def child(data: str, paths: Sequence[str], **step: Any) -> None:
    """Do the work in a forked process, which never returns."""
    try:
        if step:
            arm(**step)
        write(data, paths)
        os._exit(0)
    except KnowledgeError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(error.exit_code)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def main() -> None:
    for name in IMPORTED:
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    threads = Path("/proc/self/task")
    if threads.exists():
        assert len(list(threads.iterdir())) == 1, "forking with threads is not safe"
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(**json.loads(line))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
