"""One file per format or engine; each has ``load(data, name, options) -> Document | Loaded``."""

from __future__ import annotations

from collections.abc import Mapping

from knowledge.errors import UsageError

LOADERS: Mapping[str, str] = {
    "text": "text.text",
    "code": "text.code",
    "rst": "text.markup",
    "asciidoc": "text.markup",
    "org": "text.markup",
    "latex": "text.markup",
    "json": "text.json",
    "structured": "text.structured",
    "jsonl": "text.json_lines",
    "xml": "text.xml",
    "subtitles": "text.subtitles",
    "markdown": "text.markdown",
    "rows": "text.rows",
    "notebook": "text.notebook",
    "html": "web.html",
    "mhtml": "web.mhtml",
    "pdf": "pdf.pdf",
    "docx": "office.docx",
    "pptx": "office.presentation",
    "xlsx": "office.workbook",
    "xls": "office.workbook",
    "ods": "office.workbook",
    "doc": "office.office97",
    "ppt": "office.office97",
    "odt": "office.opendocument",
    "odp": "office.opendocument",
    "rtf": "office.rtf",
    "epub": "web.epub",
    "image": "images.image",
    "zip": "archives.zip",
    "tar": "archives.tar",
    "packed": "archives.packed",
    "mail": "mail.message",
    "msg": "mail.msg",
    "mbox": "mail.mbox",
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
