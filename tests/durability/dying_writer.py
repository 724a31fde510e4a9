"""A program that ingests or deletes, and kills itself at one step.

    python dying_writer.py TARGET MOMENT NUMBER PATH...     ingest --prune
    python dying_writer.py TARGET MOMENT NUMBER             delete the dataset

TARGET is ``module:function`` or ``module:Class.method``; it dies ``before`` or ``after`` the
call of that NUMBER, counted from 1. Ends with 0 when the step was not reached.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

from knowledge.knowledge_base import KnowledgeBase


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


def main(target: str, moment: str, number: str, *paths: str) -> None:
    arm(target, moment, int(number))
    with KnowledgeBase.open() as kb:
        if paths:
            kb.ingest(list(paths), prune=True)
        else:
            kb.delete_dataset("default")


if __name__ == "__main__":
    main(*sys.argv[1:])
