"""Options that say which files of a source are taken, how they are read, and who may be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from knowledge.cli.session import Session

TAKING = "Which files"
READING = "Reading files"

IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        help="Ingest only files that match, such as 'docs/**/*.md'; may be repeated.",
        metavar="GLOB",
        rich_help_panel=TAKING,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        help="Exclude what matches, such as 'drafts/'; may be repeated.",
        metavar="GLOB",
        rich_help_panel=TAKING,
    ),
]
GitignoreOption = Annotated[
    bool | None,
    typer.Option(
        "--gitignore/--no-gitignore",
        help="Respect .gitignore files [KNOW_INGEST_GITIGNORE; default: inside Git work trees].",
        rich_help_panel=TAKING,
        show_default=False,
    ),
]
FollowLinksOption = Annotated[
    bool | None,
    typer.Option(
        "--follow-links/--no-follow-links",
        help="Follow symbolic links in folders, also out of them "
        "[KNOW_FOLLOW_LINKS; default: yes].",
        rich_help_panel=TAKING,
        show_default=False,
    ),
]
LoaderOption = Annotated[
    str | None,
    typer.Option(
        "--loader",
        help="Engine that reads a format, such as pdf=pypdf [KNOW_LOADER].",
        metavar="FORMAT=ENGINE",
        rich_help_panel=READING,
    ),
]
HtmlOption = Annotated[
    str | None,
    typer.Option(
        "--html",
        help="Keep the main part of web pages, or everything: main or full [KNOW_HTML; default: "
        "main].",
        metavar="PART",
        rich_help_panel=READING,
    ),
]
OcrOption = Annotated[
    str | None,
    typer.Option(
        "--ocr",
        help="Recognise text in images: off, auto or always [KNOW_OCR; default: auto].",
        metavar="WHEN",
        rich_help_panel=READING,
    ),
]
PasswordOption = Annotated[
    list[str] | None,
    typer.Option(
        "--password",
        help="Password for protected files; may be repeated. Others can see it in the list of "
        "processes: KNOW_PASSWORDS_FILE is safer.",
        metavar="TEXT",
        rich_help_panel=READING,
    ),
]
AllowPrivateHostsOption = Annotated[
    bool,
    typer.Option(
        "--allow-private-hosts",
        help="Allow URLs in private networks [KNOW_ALLOW_PRIVATE_HOSTS].",
        rich_help_panel=READING,
    ),
]


def given_passwords(session: Session, passwords: Sequence[str] | None) -> tuple[str, ...]:
    """Return the passwords of the command line, and say who else can see them there."""
    if passwords:
        session.note(
            "other users of this machine can see --password in the list of processes; "
            "KNOW_PASSWORDS_FILE names a file with one password on each line"
        )
    return tuple(passwords or ())


def source_flags(
    *,
    gitignore: bool | None = None,
    loader: str | None = None,
    html: str | None = None,
    ocr: str | None = None,
    allow_private_hosts: bool = False,
    follow_links: bool | None = None,
) -> Mapping[str, Any]:
    """Return the settings that these options set."""
    return {
        "gitignore": None if gitignore is None else "on" if gitignore else "off",
        "loader": loader,
        "html": html,
        "ocr": ocr,
        "allow_private_hosts": allow_private_hosts or None,
        "follow_links": follow_links,
    }
