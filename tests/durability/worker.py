"""A program that runs commands one after the other, so that many cost one start.

It takes a line of JSON for each, a list of arguments, and answers with one: the exit ``code``, and
``out`` and ``err``, which also hold what native threads wrote.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.durability.programs import Answering


class Worker(Answering):
    """The program as a process; a context manager."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        super().__init__(__name__, env, folder)

    def start(self, *arguments: object) -> None:
        """Begin a command; :meth:`end` must be called before the next one."""
        self.send([str(one) for one in arguments])

    def end(self) -> dict[str, Any]:
        """Wait for the command to end; return its ``code``, ``out`` and ``err``."""
        answer: dict[str, Any] = self.answer()
        return answer

    def run(self, *arguments: object) -> dict[str, Any]:
        """Run a command to its end."""
        self.start(*arguments)
        return self.end()


def run_command(arguments: Sequence[str], out: IO[bytes], err: IO[bytes]) -> dict[str, Any]:
    """Run one command in this process, with its streams in two files."""
    from knowledge.cli.render import terminal
    from knowledge.cli.run import main

    for stream, file in ((1, out), (2, err)):
        file.seek(0)
        file.truncate()
        os.dup2(file.fileno(), stream)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    terminal.output_console.cache_clear()  # they hold the streams of the command before
    terminal.error_console.cache_clear()
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read().decode("utf-8", "replace"))
    return {"code": code, "out": texts[0], "err": texts[1]}


def serve() -> None:
    """Run what is asked on standard input until it ends."""
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for line in asked:
            print(json.dumps(run_command(json.loads(line), out, err)), file=answers, flush=True)


if __name__ == "__main__":
    serve()
