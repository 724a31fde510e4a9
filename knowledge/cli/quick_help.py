"""Help pages without the libraries that ours do not need, and with flags that take no value.

Typer 0.29 imports rich's Markdown and its tracebacks, and with them a Markdown parser and a syntax
highlighter, before it prints any help. Our help is no Markdown, and our errors are sentences, so
neither is ever made; loading them takes as long as all else that a help page does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

_UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
_PAGES = "typer.rich_utils"


def hide_flag_types(parameters: Sequence[Any]) -> Sequence[Any]:
    """Take ``<bool>`` from flags, after which nobody types a value; return all parameters."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


def load_help_pages() -> None:
    """Import Typer's help pages with our console, and empty classes for what they never use."""
    if _PAGES in sys.modules:
        return
    from knowledge.cli.render.console import CleanConsole

    replaced = [name for name in _UNUSED if name not in sys.modules]
    for name in replaced:
        module = ModuleType(name)
        setattr(module, _UNUSED[name], type(_UNUSED[name], (), {}))
        sys.modules[name] = module
    try:
        vars(import_module(_PAGES))["Console"] = CleanConsole
    finally:
        for name in replaced:
            del sys.modules[name]  # whoever else wants it gets the real one
