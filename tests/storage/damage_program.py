"""A program that runs command lines in children, one after the other, and tells how they ended.

It reads a JSON object a line, ``{"lines": [[data folder, argument, ...], ...], "limit": null,
"user": null}``, and answers with ``{"signal": N, "ended": [[exit code, stdout, stderr], ...]}``:
a child that a signal killed has ended fewer lines than it was given. With a limit, no file may grow
beyond so many bytes; with a user, the lines run as that one. All is imported before the first child
is forked, which saves most of the time of a run.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

IMPORTED = (
    "chromadb",
    "encodings.cp437",
    "knowledge.cli.run",
    "knowledge.doctor.checkup",
    "knowledge.embeddings.local.static",
    "knowledge.ingestion.run.session",
    "knowledge.knowledge_base",
    "knowledge.storage.archive.exporting",
    "knowledge.storage.local.vectors.chroma",
    "numpy",
    "safetensors",
    "semantic_text_splitter",
    "tokenizers",
)


def run_line(data: str, *arguments: str) -> tuple[int, str, str]:
    from knowledge.cli.render import terminal
    from knowledge.cli.run import main

    os.environ["KNOW_DATA_DIR"] = data
    terminal.output_console.cache_clear()
    terminal.error_console.cache_clear()
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.stdout, sys.stderr = out, err
    try:
        code = main(arguments)
    except BaseException:
        code = 99
        traceback.print_exc()
    finally:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    for stream in (out, err):
        stream.flush()
    return code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def child(lines: list[list[str]], limit: int | None, user: int | None, answers: int) -> None:
    native = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
    os.dup2(native.fileno(), 2)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for line in lines:
        code, out, err = run_line(*line)
        native.seek(0)
        err += native.read().decode()  # of threads that outlive the line, and of native parts
        native.truncate(0)
        os.write(answers, (json.dumps([code, out, err]) + "\n").encode())


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    if threads.exists():
        assert len(list(threads.iterdir())) == 1, "forking with threads is not safe"
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            try:
                child(**json.loads(line), answers=writing)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answers:
            ended = [json.loads(answer) for answer in answers if answer.endswith("\n")]
        _, status = os.waitpid(pid, 0)
        print(
            json.dumps({"signal": max(0, -os.waitstatus_to_exitcode(status)), "ended": ended}),
            flush=True,
        )


if __name__ == "__main__":
    main()
