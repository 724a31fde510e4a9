"""Passwords of a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from knowledge.cli.session import Session
from knowledge.requests import READING, SourceRequest

PasswordOption = Annotated[
    list[str] | None,
    typer.Option(
        "--password",
        help=next(one.help for name, _, one in SourceRequest.options() if name == "passwords"),
        metavar="TEXT",
        rich_help_panel=READING,
    ),
]


def warn_of_passwords(session: Session, passwords: Sequence[str] | None) -> None:
    """Say who else can see the passwords of the command line."""
    if passwords:
        session.note(
            "other users of this machine can see --password in the list of processes; "
            "KNOW_PASSWORDS_FILE names a file with one password on each line"
        )
