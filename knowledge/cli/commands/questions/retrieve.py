"""``knowledge retrieve``."""

from __future__ import annotations

import time

from knowledge.cli.options.common import ArchiveOption
from knowledge.cli.options.dataset_names import with_datasets
from knowledge.cli.options.hits import HitsOptions
from knowledge.cli.options.places import FlowOptions, ServerOptions
from knowledge.cli.options.question import with_question
from knowledge.cli.render.hits import check_output, show_hits
from knowledge.cli.session import Exit, Session
from knowledge.errors import NotFoundError
from knowledge.requests import SearchRequest


def retrieve(
    session: Session,
    *,
    request: SearchRequest,
    shown: HitsOptions,
    archive: ArchiveOption = None,
    flows: FlowOptions,
    server: ServerOptions,
) -> None:
    """Print the passages that answer a question, best first, each with its citation.

    The number before a citation is the passage's relevance: 0 is unrelated, 1 fits. --json has
    the score too, which orders the passages of one question and means nothing across questions.
    A query that begins with - goes after --. Exit codes: 0 also when nothing is found,
    3 unknown dataset, 5 the embedding provider failed.

    Example:  knowledge retrieve "How do I rotate the signing key?" -d handbook --file '*.md'
    """
    started = time.perf_counter()
    request = with_question(request)
    check_output(session, shown)
    with session.open_or_connect(server, flows, archive=archive) as kb:
        found = kb.retrieve(with_datasets(kb, request))
    took = time.perf_counter() - started
    show_hits(session, found, shown, took=took)
    if shown.fail_empty and not found:
        raise Exit(NotFoundError.exit_code)
