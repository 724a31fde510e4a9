"""One file per engine; each has ``load(data, name) -> Document``."""

from __future__ import annotations

from collections.abc import Mapping

LOADERS: Mapping[str, str] = {
    "text": "text",
    "code": "text",
    "rst": "text",
    "json": "text",
    "markdown": "markdown",
    "rows": "rows",
    "notebook": "notebook",
    "html": "html",
    "pdf": "pdf",
    "docx": "docx",
}
"""The module of this package that reads each format."""
