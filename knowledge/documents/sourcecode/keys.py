"""Parts of configuration, data and SQL that have a name: sections, top-level keys, tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from knowledge.documents.sourcecode.definitions import Definition

_YAML_KEY = re.compile(
    r"^(?:(?P<key>[A-Za-z_][\w./-]{0,100}|\"[^\"\n]{1,100}\"|'[^'\n]{1,100}')[ \t]*:(?=\s|$)|---)",
    re.MULTILINE,
)
_TABLE = re.compile(
    r"^[ \t]*\[\[?(?P<key>[^\[\]\n]{1,120})\]?\][ \t]*(?:[#;][^\n]*)?$", re.MULTILINE
)
_JSON_MEMBER = re.compile(
    r"^(?P<margin>[ \t]{1,8})(?:\"(?P<key>(?:[^\"\\\n]|\\.){1,100})\"[ \t]*:|[{\[])", re.MULTILINE
)
_SQL_STATEMENT = re.compile(
    r"^[ \t]*(?:CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:(?:TEMP|TEMPORARY|UNIQUE|MATERIALIZED"
    r"|UNLOGGED|GLOBAL|LOCAL|EXTERNAL|RECURSIVE|CONSTRAINT|CLUSTERED|NONCLUSTERED)\s+){0,3}"
    r"(?:TABLE|VIEW|FUNCTION|PROCEDURE|PROC|TRIGGER|INDEX|TYPE|SCHEMA|SEQUENCE|DATABASE|PACKAGE"
    r"(?:\s+BODY)?|POLICY|ROLE|EXTENSION|DOMAIN)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<key>[\w.$#@\"`\[\]]{1,120})"
    r"|(?:INSERT|UPDATE|DELETE|ALTER|DROP|GRANT|COPY|COMMIT|GO|USE)\b)",
    re.MULTILINE | re.IGNORECASE,
)
_COMMENTS = ("#", ";", "--", "//")
_QUOTES = tuple("\"'`[]")


def key_definitions(text: str, syntax: str) -> list[Definition]:
    """Return the named parts of a text in order; none where the syntax has none."""
    find = _FINDERS.get(syntax)
    return _until_next(text, find(text)) if find else []


_Start = tuple[int, str]


def _matches(pattern: re.Pattern[str]) -> Callable[[str], list[_Start]]:
    def find(text: str) -> list[_Start]:
        found = pattern.finditer(text)
        return [(match.start(), _unquoted(match["key"] or "")) for match in found]

    return find


def _unquoted(key: str) -> str:
    key = key.strip()
    return key[1:-1] if key[:1] in _QUOTES and key[-1:] in _QUOTES and len(key) > 2 else key


def _json(text: str) -> list[_Start]:
    """Find the members of the outermost object or array, where each has lines of its own."""
    first = _JSON_MEMBER.search(text)
    if first is None:
        return []
    found = _JSON_MEMBER.finditer(text)
    return [(m.start(), m["key"] or "") for m in found if m["margin"] == first["margin"]]


def _until_next(text: str, starts: Sequence[_Start]) -> list[Definition]:
    """Return parts that end where the next one begins, the comments above it included."""
    if not starts:
        return []
    places = [_above_comments(text, start) for start, _ in starts]
    ends = [*places[1:], len(text)]
    return [
        Definition(start, end, name)
        for (_, name), start, end in zip(starts, places, ends, strict=True)
        if end > start
    ]


def _above_comments(text: str, start: int) -> int:
    while start > 0:
        line = text.rfind("\n", 0, start - 1) + 1
        if not text[line:start].lstrip().startswith(_COMMENTS):
            break
        start = line
    return start


_FINDERS: Mapping[str, Callable[[str], list[_Start]]] = {
    "yaml": _matches(_YAML_KEY),
    "toml": _matches(_TABLE),
    "ini": _matches(_TABLE),
    "json": _json,
    "sql": _matches(_SQL_STATEMENT),
}
