"""Tasks and answers as they go through a worker's pipe: bare values, and what tasks share but once.

To pickle a dataclass takes several times as long as its values do, and what all files of a run
have in common takes longer than all the rest of a small one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter, is_
from typing import Any

from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import Passage

_SHARED = ("splitter", "max_file", "options", "recipes", "model")
"""Fields of a task that are the same objects in nearly all tasks of a run."""


def _others(kind: type, *left_out: str) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.name not in left_out)


_OWN = _others(LoadTask, *_SHARED)
_ANSWERED = _others(LoadedFile, "task", "passages")
_own_of: Callable[[LoadTask], tuple[Any, ...]] = attrgetter(*_OWN)
_shared_of: Callable[[LoadTask], tuple[Any, ...]] = attrgetter(*_SHARED)
_answer_of: Callable[[LoadedFile], tuple[Any, ...]] = attrgetter(*_ANSWERED)
_passage_of: Callable[[Passage], tuple[Any, ...]] = attrgetter(*_others(Passage))


@dataclass(slots=True)
class TaskPacker:
    """Makes messages of tasks, for one worker; it keeps what the worker knows already."""

    _shared: tuple[Any, ...] = ()

    def pack(self, task: LoadTask) -> tuple[Any, ...]:
        """Return a task as plain values, without what was in the message before."""
        shared = _shared_of(task)
        known = len(self._shared) == len(shared) and all(map(is_, self._shared, shared))
        self._shared = shared
        return None if known else shared, _own_of(task)


@dataclass(slots=True)
class TaskUnpacker:
    """Makes tasks of the messages of one `TaskPacker`, in their order."""

    _shared: tuple[Any, ...] = ()

    def unpack(self, message: tuple[Any, ...]) -> LoadTask:
        """Return the task of a message."""
        shared, own = message
        self._shared = self._shared if shared is None else shared
        return LoadTask(**dict(zip(_OWN + _SHARED, own + self._shared, strict=True)))


def pack_answer(answer: LoadedFile) -> tuple[Any, ...]:
    """Return an answer as plain values, without its task: who gets it has sent that."""
    return list(map(_passage_of, answer.passages)), _answer_of(answer)


def unpack_answer(message: tuple[Any, ...], task: LoadTask) -> LoadedFile:
    """Return the answer to a task."""
    passages, values = message
    named = dict(zip(_ANSWERED, values, strict=True))
    return LoadedFile(task, passages=tuple(Passage(*one) for one in passages), **named)
