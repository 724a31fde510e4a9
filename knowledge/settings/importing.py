"""Importing what a user names, never from the folder that he happens to stand in."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


def import_installed(module: str) -> Any:
    """Import a module that lies anywhere but in the working directory.

    A folder on PYTHONPATH by its full path, or one that an installed package brought, may be the
    working directory: somebody chose it then.

    Raises
    ------
    UsageError
        It lies in the working directory, or is found by a relative path from there.
    ImportError, ValueError
        As for `importlib.import_module`.
    """
    top = module.partition(".")[0]
    unasked = _unasked_folders()
    for place in _places(top):
        if Path(place).resolve().parent in unasked:
            raise UsageError(
                f"the module {top} would come from the working directory: {place}",
                hint="Install it as a package, or put its folder on PYTHONPATH by its full path.",
            )
    return import_module(module)


def _places(top: str) -> Iterator[str]:
    """Yield where a top-level module lies: its file, or the folders of a package."""
    try:
        loaded = sys.modules.get(top)
        spec = find_spec(top) if loaded is None else loaded.__spec__
    except (ImportError, ValueError, AttributeError):
        return  # importing it tells what is wrong
    if spec is None:
        return
    if spec.submodule_search_locations is not None:
        yield from spec.submodule_search_locations
    elif spec.has_location and spec.origin:
        yield spec.origin


def _unasked_folders() -> set[Path]:
    """Return the folders that are searched only because of where the user stands."""
    here = Path.cwd().resolve()
    variable = os.environ.get("PYTHONPATH", "")
    named = [Path(entry) for entry in variable.split(os.pathsep)] if variable else []
    unasked = {entry.resolve() for entry in named if not entry.is_absolute()}
    # `python -m` and `python -c` put the working directory first, a script its own folder.
    searched = [Path(entry).resolve() for entry in sys.path]
    if searched[:1] == [here] and searched.count(here) == 1 and not _is_of_script(here):
        unasked.add(here)
    return unasked - {entry.resolve() for entry in named if entry.is_absolute()}


def _is_of_script(folder: Path) -> bool:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return file is not None and Path(file).resolve().parent == folder
