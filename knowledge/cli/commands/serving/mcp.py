"""``knowledge mcp``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from knowledge.cli.options.flags import Flag
from knowledge.cli.options.places import FlowOptions
from knowledge.cli.options.settings import ModelOptions
from knowledge.cli.render.terminal import complain, write
from knowledge.cli.session import Exit, Session
from knowledge.errors import KnowledgeError, PathNotFoundError, UsageError
from knowledge.records import program as records
from knowledge.text.escaping import flat


def mcp(
    session: Session,
    *,
    model: ModelOptions,
    flows: FlowOptions,
    root: Annotated[
        list[Path] | None,
        Flag(
            "--root",
            help="Let the client ingest what lies below this folder, and remove files from "
            "datasets; may be repeated. Without it nothing can be changed.",
            metavar="DIR",
        ),
    ] = None,
    install: Annotated[
        str | None,
        Flag(
            "--install",
            help="Add this server to a client's configuration: claude, cursor, vscode or codex.",
            metavar="CLIENT",
        ),
    ] = None,
    show: Annotated[
        bool, Flag("--print", help="With --install: print the configuration only.")
    ] = False,
    yes: Annotated[bool, Flag("--yes", "-y", help="Add it without asking.")] = False,
) -> None:
    """Let an agent ask the datasets, by the Model Context Protocol on stdin and stdout.

    The agent's program starts this command; --install tells it to.

    Example:  knowledge mcp --install claude
    """
    for folder in root or ():
        if not folder.is_dir():
            raise PathNotFoundError(f"{folder} is not a folder")
    if install is not None:
        _install(session, install, _arguments(session, root or (), model, flows), show, yes)
        return
    if show or yes:
        raise UsageError("--print and --yes go with --install CLIENT")
    if sys.stdin.isatty() and not session.quiet:
        session.note("waiting for an agent's program on stdin; --install CLIENT sets one up")
    from knowledge.server.mcp.building import allowed
    from knowledge.server.mcp.stdio import run

    settings = session.settings(
        embedding_model_provider=model.embedding_model_provider,
        flows_file=flows.flows_file,
        flow=flows.flow,
    )
    check = partial(allowed, roots=[str(one) for one in root]) if root else None
    # The protocol gets the stream itself: what is printed meanwhile by others goes to stderr.
    with contextlib.redirect_stdout(sys.__stdout__):
        run(settings, check=check, notify=lambda line: complain(line + "\n"))


def _arguments(
    session: Session, roots: Sequence[Path], model: ModelOptions, flows: FlowOptions
) -> list[str]:
    """Return the command line that a client is to use: the same, with whole paths."""
    given = {
        "--data-dir": session.data_dir and os.path.abspath(session.data_dir),  # noqa: PTH100
        "--config-file": session.config_file and os.path.abspath(session.config_file),  # noqa: PTH100
        "--embedding-model-provider": model.embedding_model_provider,
        "--flows-file": flows.flows_file,
        "--flow": flows.flow,
    }
    named = [part for flag, value in given.items() if value for part in (flag, str(value))]
    return ["mcp", *named, *(part for one in roots for part in ("--root", str(one.absolute())))]


def _environment() -> Mapping[str, str]:
    """Return what a client, which has no shell, would miss; never a key."""
    names = ("KNOW_DATA_DIR", "KNOW_CONFIG_FILE")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _install(session: Session, name: str, arguments: Sequence[str], show: bool, yes: bool) -> None:
    from knowledge.server.mcp.installing import CLIENTS, entry_of, install
    from knowledge.text.wording import nearest

    client = CLIENTS.get(name.lower())
    if client is None:
        raise UsageError(f"there is no client {name!r}", hint=nearest(name, CLIENTS))
    text = entry_of(client, arguments, _environment())
    if show:
        write(text)
        return
    path = client.file()
    if not yes:
        _ask(session, path, text)
    install(client, arguments, _environment())
    if session.json:
        session.print_json(records.installed_for(name.lower(), str(path)))
    elif not session.quiet:
        write(f"added to {flat(str(path))}; restart {client.title}\n")


def _ask(session: Session, path: Path, text: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"adding to {path} needs --yes, since there is no terminal to ask on",
            hint="--print shows what would be added.",
        )
    complain(text)
    if not session.confirm(f"Add this to {flat(str(path))}?"):
        session.note("nothing was changed")
        raise Exit(KnowledgeError.exit_code)
