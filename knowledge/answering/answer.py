"""Asks a chat model for an answer from passages, and checks what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.answering.citations import CitationCheck
from knowledge.answering.prompt import NO_ANSWER, messages
from knowledge.errors import ChatResponseError
from knowledge.model import Hit

if TYPE_CHECKING:
    from knowledge.chat import ChatModel

Listener = Callable[[str], None]
"""Told each piece of the answer as it comes."""

_AROUND = " \n\t*`\"'([<"
"""What models put around a word that should stand alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chat model answered.

    Parameters
    ----------
    text:
        The answer with checked citations; ``None`` when the passages hold none.
    model:
        The chat model; empty when there was no passage, so that none was asked.
    cited:
        Numbers of the passages that the answer names, ascending: 1 is the first of ``hits``.
    removed:
        Numbers that the model named though there is no such passage.
    hits:
        The passages that it was given.
    """

    text: str | None
    model: str
    cited: tuple[int, ...]
    removed: tuple[int, ...]
    hits: tuple[Hit, ...]


def answer(
    question: str, hits: Sequence[Hit], model: ChatModel, listen: Listener | None = None
) -> Answer:
    """Answer a question from passages.

    Parameters
    ----------
    listen:
        Where it is given the answer is streamed.

    Raises
    ------
    ChatError
        The model failed, or said nothing.
    """
    if not hits:
        return Answer(None, "", (), (), ())
    asked = messages(question, hits)
    pieces = [model.complete(asked)] if listen is None else model.stream(asked)
    check = CitationCheck(len(hits))
    parts = []
    for part in _checked(pieces, check):
        parts.append(part)
        if listen is not None:
            listen(part)
    text = "".join(parts).strip()
    if not text and not check.removed:
        if not parts:
            return Answer(None, model.name, (), (), tuple(hits))
        raise ChatResponseError(
            f"{model.name} at {model.endpoint} answered nothing", hint="Try another chat model."
        )
    return Answer(
        text or None, model.name, tuple(sorted(check.cited)), tuple(check.removed), tuple(hits)
    )


def _checked(pieces: Iterable[str], check: CitationCheck) -> Iterator[str]:
    """Yield the checked answer; nothing at all when the model says that there is none."""
    begun, head = False, ""
    for piece in pieces:
        head += piece
        if not begun:
            bare = head.lstrip(_AROUND)
            if bare.startswith(NO_ANSWER):
                return
            if NO_ANSWER.startswith(bare):
                continue
            begun = True
        if shown := check.feed(head):
            yield shown
        head = ""
    yield check.feed(head) + check.finish()
