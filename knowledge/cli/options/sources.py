"""Passwords of a command line."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.cli.session import Session


def warn_of_passwords(session: Session, passwords: Sequence[str]) -> None:
    """Say who else can see the passwords of the command line."""
    if passwords:
        session.note(
            "other users of this machine can see --password in the list of processes; "
            "KNOW_PASSWORDS_FILE names a file with one password on each line"
        )
