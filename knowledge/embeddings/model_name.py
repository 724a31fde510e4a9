"""A model's name as the user writes it: ``name``, or ``name?argument=value&argument=value``.

Arguments stand in the name, since a dataset records the name and must find the same model by it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


PYTHON = "python:"


def parse_model(text: str) -> tuple[str, str | None]:
    """Take ``provider`` or ``provider:model`` apart; a model's name may itself hold colons.

    >>> parse_model("openai:nomic-embed-text:v1.5")
    ('openai', 'nomic-embed-text:v1.5')
    >>> parse_model("python:my.module:MyEmbedder")
    ('python:my.module:MyEmbedder', None)
    """
    text = text.strip()
    if text.lower().startswith(PYTHON):
        _, module, name, model = (*text.split(":", 3), "", "")[:4]
        return f"{PYTHON}{module}:{name}", model or None
    provider, _, model = text.partition(":")
    return provider.strip().lower(), model.strip() or None


_ARGUMENTS = re.compile(r"\?(?=[A-Za-z_]\w*=)")
_FOLDER = re.compile(r"(\.{0,2}[/\\]|~|[A-Za-z]:[/\\])")


def parse_model_name(text: str) -> tuple[str, dict[str, Any]]:
    """Take name and arguments apart. A value that is JSON is read as JSON, any other is text.

    >>> parse_model_name("pkg.Class?size=8&name=small&on=true")
    ('pkg.Class', {'size': 8, 'name': 'small', 'on': True})

    Raises
    ------
    UsageError
        An argument has no value, or stands there twice.
    """
    name, *rest = _ARGUMENTS.split(text, maxsplit=1)
    arguments: dict[str, Any] = {}
    for part in rest[0].split("&") if rest else ():
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier() or key in arguments:
            raise UsageError(
                f"can't read the argument {part!r} of the model {name!r}",
                hint="Write name?argument=value&other=value, each argument once; "
                "in a value, %26 is an ampersand.",
            )
        arguments[key] = _typed(unquote(value))
    return name, arguments


def only_known(arguments: Iterable[str], known: Iterable[str], provider: str) -> None:
    """Check the names of a model's arguments.

    Raises
    ------
    UsageError
        One is unknown.
    """
    for name in arguments:
        if name not in known:
            raise UsageError(
                f"{provider} models take no argument {name!r}",
                hint=f"They take {', '.join(sorted(known))}.",
            )


def is_path(name: str) -> bool:
    """Tell whether a model's name is a path, rather than a name on a hub.

    A path begins with ``/``, ``./``, ``../``, ``~`` or a drive's letter.
    """
    return bool(_FOLDER.match(name)) or name in (".", "..")


def absolute(name: str) -> Path:
    """Return a path as a dataset records it, so that it holds in any working directory."""
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError as error:  # no such user, or no home
        raise UsageError(f"can't expand the path {name!r}: {error}") from error


def local_or_hub(name: str, provider: str) -> Path | None:
    """Return the folder that a name means, or ``None`` for a name on a hub.

    Raises
    ------
    UsageError
        The folder does not exist; or the name is a hub's, and a folder here has it too: libraries
        would take the folder, wherever a dataset is used from.
    """
    if not is_path(name):
        if Path(name).exists():
            raise UsageError(
                f"{name!r} is a name on the hub, and a folder here too",
                hint=f"For the folder, write {provider}:./{name}",
            )
        return None
    folder = absolute(name)
    if not folder.is_dir():
        raise UsageError(
            f"there is no model folder {folder}",
            hint="Check the path; a dataset needs its model where it was at the first ingest.",
        )
    return folder


def _typed(value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_as_text)
    except (ValueError, RecursionError):
        return value


def _as_text(name: str) -> Any:
    raise ValueError(name)
