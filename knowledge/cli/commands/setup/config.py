"""``knowledge config`` and ``knowledge trust``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from knowledge.cli.options.common import YesOption
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import KnowledgeError, PathNotFoundError, UsageError
from knowledge.records import program as records
from knowledge.requests import check_known
from knowledge.settings.installed import installed_settings
from knowledge.settings.reading import Origin, Setting, Settings, Wrong, without_password
from knowledge.text.escaping import flat


def show_config(
    session: Session,
    names: Annotated[
        list[str] | None,
        Argument(metavar="[NAME...]", help="Settings or variables; default: all."),
    ] = None,
) -> None:
    """Show every setting, its value and its origin; secrets are masked.

    What is wrong with a value is said on stderr; the default counts in its place.

    Example:  knowledge config top_k KNOW_DATA_DIR
    """
    wrong: Wrong = {}
    settings = session.settings(wrong=wrong).extended(installed_settings())
    chosen = _chosen(settings, names or [])
    rows = [
        (setting, _shown(setting, settings), settings.origin(setting.name)) for setting in chosen
    ]
    places = {setting.name: settings.place(setting.name) for setting in chosen}
    if session.json:
        session.print_json(records.config(rows, places, wrong))
    else:
        show_table(
            session,
            ("SETTING", "VALUE", "FROM", "VARIABLE"),
            [
                (s.name, str(value), _from(origin, places[s.name]), s.variables[0])
                for s, value, origin in rows
            ],
        )
    for error in wrong.values():
        session.note(f"wrong: {error.in_full}")


def _chosen(settings: Settings, names: Sequence[str]) -> list[Setting]:
    """Return the settings of some names, which may be those of variables; of none, all."""
    by_name = dict(settings.table)
    known = {
        **by_name,
        **{variable: row for row in by_name.values() for variable in row.variables},
    }
    check_known(names, tuple(known), "setting")
    return [known[name] for name in names] or list(by_name.values())


def _from(origin: Origin, place: str) -> str:
    return place if origin.value in (".env", "knowledge.yaml", "config file") else origin.value


def trust(
    session: Session,
    folder: Annotated[
        Path | None,
        Argument(metavar="[DIR]", help="The folder; default the working directory."),
    ] = None,
    remove: Annotated[bool, Flag("--remove", help="Trust it no longer.")] = False,
    list_: Annotated[bool, Flag("--list", help="List the trusted folders.")] = False,
    yes: YesOption = False,
) -> None:
    """Trust a folder's .env and knowledge.yaml with endpoints that get your keys.

    Without DIR it asks before it trusts the working directory.

    Example:  knowledge trust .

    What is trusted:  knowledge trust --list
    """
    from knowledge.settings.trust import set_trust, trusted_folders

    if not list_:
        chosen = folder or Path()
        if not remove and not chosen.is_dir():
            raise PathNotFoundError(f"{chosen} is not a folder")
        if folder is None and not remove and not yes:
            _ask(session, chosen.resolve())
        set_trust(chosen, not remove)
    if session.json:
        session.print_json(records.trust(trusted_folders()))
    elif list_:
        for one in trusted_folders():
            write(flat(one) + "\n")
    elif not session.quiet:
        write(f"{flat(str(chosen.resolve()))} is {'no longer ' if remove else ''}trusted\n")


def _ask(session: Session, folder: Path) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"trusting {folder} needs its name or --yes, since there is no terminal to ask on",
            hint="`knowledge trust .` names the working directory.",
        )
    there = [name for name in (".env", "knowledge.yaml") if (folder / name).exists()]
    files = f" ({' and '.join(there)})" if there else ""
    question = f"May the settings of {flat(str(folder))}{files} say where your keys and texts go?"
    if not session.confirm(question):
        session.note("nothing was changed")
        raise Exit(KnowledgeError.exit_code)


def _shown(setting: Setting, settings: Settings) -> str | int | float | bool:
    value: str | int | float | bool = settings[setting.name]
    if setting.name == "data_dir" and not value:
        from knowledge.storage.opening import open_store

        return str(open_store(settings).root)
    if setting.secret and settings.origin(setting.name) is not Origin.DEFAULT:
        return "********"
    return without_password(value) if isinstance(value, str) else value
