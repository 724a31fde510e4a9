"""One file per format or engine; each has ``load(data, name, options) -> Document | Loaded``."""

from __future__ import annotations

from collections.abc import Mapping

from knowledge.errors import UsageError

LOADERS: Mapping[str, str] = {
    "text": "text",
    "code": "code",
    "rst": "markup",
    "asciidoc": "markup",
    "org": "markup",
    "latex": "markup",
    "json": "json",
    "structured": "structured",
    "jsonl": "json_lines",
    "xml": "xml",
    "subtitles": "subtitles",
    "markdown": "markdown",
    "rows": "rows",
    "notebook": "notebook",
    "html": "html",
    "mhtml": "mhtml",
    "pdf": "pdf",
    "docx": "docx",
    "pptx": "presentation",
    "xlsx": "workbook",
    "xls": "workbook",
    "ods": "workbook",
    "doc": "office97",
    "ppt": "office97",
    "odt": "opendocument",
    "odp": "opendocument",
    "rtf": "rtf",
    "epub": "epub",
    "image": "image",
    "zip": "archive_zip",
    "tar": "archive_tar",
    "packed": "archive_packed",
    "mail": "mail",
    "msg": "mail_msg",
    "mbox": "mail_mbox",
}
"""The module of this package that reads each format."""

ENGINES: Mapping[str, tuple[str, ...]] = {
    "pdf": ("kreuzberg", "pypdf"),
    "docx": ("kreuzberg", "python-docx"),
}
"""The engines that a user may choose from, the first one first; other formats have one."""


def check_engines(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return ``chosen``, format to engine, with ``*`` spread over the formats it stands for.

    Raises
    ------
    UsageError
        No such format or engine, or the engine can't read the format.
    """
    engines: dict[str, str] = {}
    for format_, engine in sorted(chosen.items()):  # * sorts first, so that named formats win
        able = [name for name, known in ENGINES.items() if engine in known]
        if not able or format_ not in ("*", *able):
            listed = "; ".join(f"{name}: {', '.join(known)}" for name, known in ENGINES.items())
            raise UsageError(
                f"--loader: no engine {engine!r}"
                + (f" for the format {format_!r}" if format_ != "*" else ""),
                hint=f"Formats with a choice are {listed}. Example: --loader pdf=pypdf",
            )
        engines.update(dict.fromkeys(able if format_ == "*" else [format_], engine))
    return engines
