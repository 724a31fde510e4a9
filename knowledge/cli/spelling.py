"""How fields of requests are spelled on the command line: `top_k` becomes --top-k."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from types import ModuleType

from knowledge.errors import KnowledgeError

_FIELD = r"`([a-z_]+)`"
_ARGUMENTS = {
    "config_file": "--config-file",
    "data_dir": "--data-dir",
    "debug": "--debug",
    "every": "--every",
    "k": "--k",
    "kind": "--format",
    "offline": "--offline",
    "overwrite": "--overwrite",
    "path": "--path",
    "plot": "--plot",
    "qrels": "--qrels",
    "rename": "--as",
}
"""Arguments and settings that no request and no group of options has."""


@cache
def flags() -> Mapping[str, str]:
    """Return the flag of each field that has one."""
    from knowledge.cli.options import places, settings
    from knowledge.server import options as serving

    return {**_declared(places, settings), **_of_requests(), **_declared(serving)}


@cache
def _of_requests() -> Mapping[str, str]:
    from knowledge import requests

    return {**_ARGUMENTS, **_declared(requests)}


def _declared(*modules: ModuleType) -> dict[str, str]:
    """Return the flags of the options that modules declare."""
    from knowledge.requests import Request

    found: dict[str, str] = {}
    names = ((module, name) for module in modules for name in dir(module))
    for kind in (getattr(module, name) for module, name in names):
        if isinstance(kind, type) and issubclass(kind, Request) and is_dataclass(kind):
            for name, _, declared in kind.options():
                if declared.flags is not None and not declared.positional:
                    flag = (declared.flags or ("--" + name.replace("_", "-"),))[-1]
                    found[name] = flag.partition("/")[0]
                    found.setdefault(declared.setting, found[name])
    return found


def spelled(text: str) -> str:
    """Return a text of the library with its fields as flags."""
    if "`" not in text:
        return text
    return re.sub(_FIELD, lambda field: _flag(field[1]) or field[0], text)


def _flag(name: str) -> str:
    """Return a field's flag; a question's own, which each help text names, without the others."""
    return _of_requests().get(name) or flags().get(name, "")


def spell(error: KnowledgeError) -> KnowledgeError:
    """Let an error name flags, and return it."""
    error.message, error.hint = spelled(error.message), spelled(error.hint)
    return error
