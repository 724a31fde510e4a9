"""``knowledge serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge.cli.options.places import FlowOptions
from knowledge.cli.options.settings import ModelOptions
from knowledge.cli.render.terminal import complain, write
from knowledge.cli.session import Session
from knowledge.records.schema import of
from knowledge.server.options import ServeRequest

if TYPE_CHECKING:
    from knowledge.server.serving import Started


def serve(
    session: Session, *, request: ServeRequest, model: ModelOptions, flows: FlowOptions
) -> None:
    """Serve the datasets over HTTP: to browsers, OpenAI clients and agents.

    It ends by Ctrl-C or SIGTERM, when requests in flight are done. KNOW_SERVER_TOKEN is what a
    client must send; off this machine's loopback address one is made where none is set.

    Example:  knowledge serve --port 7411 --read-only
    """
    from knowledge.server.serving import serve as run

    settings = session.settings(
        embedding_model_provider=model.embedding_model_provider,
        flows_file=flows.flows_file,
        flow=flows.flow,
    )

    def ready(started: Started) -> None:
        _show(session, started)

    run(request, settings, log=lambda line: complain(line + "\n"), ready=ready)


def _show(session: Session, started: Started) -> None:
    import sys

    if session.json:
        session.print_json(of("serve", {"url": started.url, "token": started.token or None}))
    else:
        write(f"serving on {started.url}\n")
        if started.token:
            write(f"token, made for this run: {started.token}\n")
    sys.stdout.flush()  # whoever started us waits for it
