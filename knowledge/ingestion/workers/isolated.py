"""One call in a process of its own: for native engines that a document may crash or keep busy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from knowledge.documents.options import MIB
from knowledge.errors import DocumentError
from knowledge.ingestion.workers.process import (
    READER_MEMORY,
    START_SECONDS,
    settle,
    start_process,
)

_TICK = 0.1


def call_isolated(
    function: Callable[..., Any], arguments: tuple[Any, ...], *, seconds: float, memory: int = 0
) -> Any:
    """Return what a function of a module returns; arguments and result are plain values.

    Parameters
    ----------
    seconds:
        The time it may take once its process has started.
    memory:
        Bytes it may take; 0 is no limit.

    Raises
    ------
    DocumentError
        The function raised it, or its process crashed or took too much time or memory.
    """
    process, connection = start_process(_serve, memory)
    try:
        _wait(process, connection, START_SECONDS, 0)
        connection.recv()
        connection.send((function, arguments))
        _wait(process, connection, seconds, memory)
        result = connection.recv()
    except (EOFError, OSError) as error:
        raise DocumentError("the process that reads it crashed") from error
    finally:
        process.kill()
        process.join()
        connection.close()
    if isinstance(result, _Failed):
        raise DocumentError(result.message, hint=result.hint)
    return result


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    hint: str = ""


def _wait(process: Any, connection: Connection, seconds: float, memory: int) -> None:
    import psutil

    until = time.monotonic() + seconds
    while not connection.poll(_TICK):
        if time.monotonic() > until:
            raise DocumentError(f"reading it took longer than {seconds:g} seconds")
        used = 0
        with contextlib.suppress(psutil.Error):
            used = psutil.Process(process.pid).memory_info().rss - READER_MEMORY
        if memory and used > memory:
            raise DocumentError(f"it needs more than {memory // MIB:,} MiB of memory")


def _serve(connection: Connection, memory: int) -> None:
    settle(memory)
    connection.send(None)
    function, arguments = connection.recv()
    try:
        result = function(*arguments)
    except DocumentError as error:
        result = _Failed(error.message, error.hint)
    except Exception as error:  # noqa: BLE001  whatever a document leads a library to raise
        result = _Failed(f"it can't be read: {type(error).__name__}: {error}")
    connection.send(result)
