"""``knowledge ask``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from knowledge.cli.options.common import ArchiveOption
from knowledge.cli.options.dataset_names import with_datasets
from knowledge.cli.options.flags import Flag
from knowledge.cli.options.places import FlowOptions, ServerOptions
from knowledge.cli.options.question import with_question
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import NotFoundError
from knowledge.records import questions as records
from knowledge.requests import AskRequest

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer


def ask(
    session: Session,
    *,
    request: AskRequest,
    archive: ArchiveOption = None,
    flows: FlowOptions,
    server: ServerOptions,
    fail_empty: Annotated[
        bool, Flag("--fail-empty", help="Exit with 3 when the passages hold no answer.")
    ] = False,
) -> None:
    """Answer a question in words, from your documents alone, with numbered sources.

    A chat model behind any OpenAI-compatible endpoint is given the passages that retrieve finds,
    and nothing else. Exit codes: 0 also when they hold no answer, 2 no chat model is set,
    5 the chat model failed.

    Example:  knowledge ask "How often do I rotate the key?" -d handbook --chat-model gpt-4o-mini
    """
    started = time.perf_counter()
    request = with_question(request)
    with session.open_or_connect(server, flows, archive=archive) as kb:
        request = with_datasets(kb, request)
        answer = kb.ask(request, listen=_print_piece if session.on_terminal else None)
        datasets = request.datasets or kb.datasets.asked()
        request = replace(request, datasets=datasets).resolved(kb.settings)
    _show(session, answer, request, took=time.perf_counter() - started)
    if fail_empty and answer.text is None:
        raise Exit(NotFoundError.exit_code)


def _print_piece(piece: str) -> None:
    write(piece)
    sys.stdout.flush()


def _show(session: Session, answer: Answer, request: AskRequest, *, took: float) -> None:
    if session.json:
        session.print_json(records.answer(answer, request, took))
    elif answer.text is not None:
        # On a terminal the answer stands there already.
        write(("" if session.on_terminal else answer.text) + "\n")
        if answer.cited:
            write("\nSources:\n")
        for number in answer.cited:
            write(f"[{number}] {one_line(answer.hits[number - 1].citation)}\n")
    if answer.removed:
        numbers = ", ".join(map(str, answer.removed))
        session.note(f"removed citations of passages that do not exist: {numbers}")
    if answer.text is None:
        session.note(
            "the documents do not say: the passages hold no answer"
            if answer.hits
            else "the documents do not say: no passages were found"
        )
    elif not answer.cited:
        session.note("the answer names no passage: check it against `knowledge retrieve`")
