"""How fields of requests are spelled on the command line: `top_k` becomes --top-k."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache

from knowledge.errors import KnowledgeError

_FIELD = re.compile(r"`([a-z_]+)`")
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
    from knowledge import requests
    from knowledge.cli.options import places, settings
    from knowledge.server import options as serving

    found = dict(_ARGUMENTS)
    kinds = [
        kind
        for module in (places, settings, requests, serving)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, requests.Request) and is_dataclass(kind)
    ]
    for kind in kinds:
        for name, _, declared in kind.options():
            if declared.flags is not None and not declared.positional:
                flag = (declared.flags or ("--" + name.replace("_", "-"),))[-1].partition("/")[0]
                found[name] = flag
                found.setdefault(declared.setting, flag)
    return found


def spelled(text: str) -> str:
    """Return a text of the library with its fields as flags."""
    if "`" not in text:
        return text
    return _FIELD.sub(lambda field: flags().get(field[1], field[0]), text)


def spell(error: KnowledgeError) -> KnowledgeError:
    """Let an error name flags, and return it."""
    error.message, error.hint = spelled(error.message), spelled(error.hint)
    return error
