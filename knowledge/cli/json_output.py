"""JSON to stdout, one object on a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


def print_object(content: Mapping[str, Any]) -> None:
    """Print an object; what stdout's encoding can't carry is escaped as JSON escapes it."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(content, ensure_ascii=ascii_only, default=str)
    # A lone surrogate can't be written in any encoding; what this makes of it is JSON's escape.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
