"""A program that runs commands one after the other, so that many cost one start.

It takes a line of JSON for each, a list of arguments, and answers with one: the exit ``code``, and
``out`` and ``err``, which also hold what native threads wrote.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from knowledge.cli import terminal
from knowledge.cli.run import main


def run(arguments: Sequence[str], out: IO[bytes], err: IO[bytes]) -> dict[str, Any]:
    """Run one command with its streams in two files."""
    for stream, file in ((1, out), (2, err)):
        file.seek(0)
        file.truncate()
        os.dup2(file.fileno(), stream)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
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


if __name__ == "__main__":
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    os.dup2(sys.stdin.fileno(), 0)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for line in asked:
            print(json.dumps(run(json.loads(line), out, err)), file=answers, flush=True)
