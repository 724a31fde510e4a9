"""``knowledge config`` and ``knowledge trust``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knowledge.cli.render.cleaning import flat
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import PathNotFoundError
from knowledge.records import program as records
from knowledge.settings.installed import installed_settings
from knowledge.settings.reading import Origin, Setting, Settings, without_password


def show_config(session: Session) -> None:
    """Show every setting, its value and its origin; secrets are masked.

    Example:  knowledge config --json
    """
    settings = session.settings().extended(installed_settings())
    rows = [
        (setting, _shown(setting, settings), settings.origin(setting.name))
        for setting in settings.table.values()
    ]
    if session.json:
        session.print_json(records.config(rows))
        return
    show_table(
        session,
        ("SETTING", "VALUE", "FROM", "VARIABLE"),
        [(s.name, str(value), origin.value, s.variables[0]) for s, value, origin in rows],
    )


def trust(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder; default the working directory.")
    ] = Path(),
    remove: Annotated[bool, typer.Option("--remove", help="Trust it no longer.")] = False,
) -> None:
    """Trust a folder's .env and knowledge.yaml with endpoints that get your keys.

    Example:  knowledge trust .
    """
    from knowledge.settings.trust import set_trust, trusted_folders

    if not remove and not folder.is_dir():
        raise PathNotFoundError(f"{folder} is not a folder")
    set_trust(folder, not remove)
    if session.json:
        session.print_json(records.trust(trusted_folders()))
    elif not session.quiet:
        write(f"{flat(str(folder.resolve()))} is {'no longer ' if remove else ''}trusted\n")


def _shown(setting: Setting, settings: Settings) -> str | int | float | bool:
    value: str | int | float | bool = settings[setting.name]
    if setting.name == "data_dir" and not value:
        from knowledge.storage.store import open_store

        return str(open_store(settings).root)
    if setting.secret and settings.origin(setting.name) is not Origin.DEFAULT:
        return "********"
    return without_password(value) if isinstance(value, str) else value
