"""JSON to stdout, one object on a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from knowledge.cli.render.terminal import write
from knowledge.text.escaping import cleaned_json


def print_object(content: Mapping[str, Any]) -> None:
    """Print an object on a line."""
    write(json_text(content) + "\n")


def json_text(content: Any, *, indent: int | None = None) -> str:
    """Return JSON in which characters that could control a terminal are escaped.

    So are those that stdout's encoding cannot represent; other letters stay readable.
    """
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    return cleaned_json(json.dumps(content, ensure_ascii=ascii_only, indent=indent, default=str))
