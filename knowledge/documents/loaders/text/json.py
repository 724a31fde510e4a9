"""JSON, JSON Lines and the structured form of JSON.

Text stays as it is, or is broken into lines where it has none; the structured form gives documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from knowledge.documents.encodings import decode
from knowledge.documents.loaders.text.metadata import plain_metadata
from knowledge.documents.loading import Loaded, Source
from knowledge.errors import DocumentError
from knowledge.files.bounded_data import DataError, parse_json
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean, drop_inline_data

_LONG_LINE = 500
"""Characters a line, on average, above which a JSON text is not meant to be read in lines."""
_SHORT = 100
_DEEPEST = 16
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)", re.DOTALL)
_FORM = '{"metadata": {}, "documents": [{"metadata": {}, "content": "..."}]}'


def load(source: Source) -> Document | Loaded:
    r"""Read JSON; its lines are the file's, but for ``\u`` escapes, which become characters.

    ``{"metadata": {…}, "documents": [{"metadata": {…}, "content": "…"}]}`` gives its documents,
    each with its own metadata; they are named ``documents/1``, ``documents/2`` and so on.

    Raises
    ------
    DocumentError
        It is to be read as the format ``structured``, and is not of this form.
    """
    text, warnings = decode(source.data)
    if source.format == "jsonl":
        return _shown(text, TextKind.RECORDS, warnings)
    structured = _structured(text)
    if structured is not None:
        return structured
    if source.format == "structured":
        raise DocumentError("it is not the structured form of JSON", hint=f"That is {_FORM}")
    if _is_in_lines(text):
        return _shown(text, TextKind.CODE, warnings)
    return replace(_shown(_in_lines(text), TextKind.CODE, warnings), has_lines=False)


def _shown(text: str, kind: TextKind, warnings: tuple[str, ...]) -> Document:
    return Document(
        drop_inline_data(_with_plain_characters(text)),
        kind,
        has_lines=True,
        syntax="json",
        loader="json",
        warnings=warnings,
    )


def _structured(text: str) -> Loaded | None:
    if '"documents"' not in text:
        return None
    try:
        value = parse_json(text)
    except DataError:
        return None
    if not _is_structured(value):
        return None
    return Loaded(
        tuple(_documents(value["documents"])), metadata=plain_metadata(value.get("metadata"))
    )


def _is_structured(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"metadata", "documents", "schema"}:
        return False
    documents = value.get("documents")
    if not isinstance(documents, list) or not (documents or "metadata" in value):
        return False
    return all(
        isinstance(document, dict)
        and isinstance(document.get("content"), str)
        and isinstance(document.get("metadata"), Mapping | None)
        for document in documents
    )


def _documents(documents: list[dict[str, Any]]) -> Iterator[Document]:
    for number, document in enumerate(documents, 1):
        yield Document(
            clean(document["content"]),
            TextKind.MARKDOWN,
            metadata=plain_metadata(document.get("metadata")),
            loader="structured",
            member=f"documents/{number}",
        )


def _is_in_lines(text: str) -> bool:
    """Tell whether the lines of a JSON text are short enough to be cited."""
    return len(text) <= _LONG_LINE * (1 + text.strip().count("\n"))


def _in_lines(text: str) -> str:
    """Return a JSON text with a line for each member, short lists and objects in one line.

    Nothing but white space changes, so numbers stay as they are written; broken JSON too.
    """
    writer = _Lines()
    for match in _TOKEN.finditer(text):
        writer.add(match[0])
    return writer.text()


class _Lines:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[int] = []  # where the brackets that are open stand
        self._short: list[bool] = []  # whether what each holds so far can go in one line

    def add(self, mark: str) -> None:
        if mark in "{[":
            self._open.append(len(self._parts))
            self._short.append(True)
            self._parts.append(mark)
            self._break()
        elif mark in "}]":
            self._close(mark)
        elif mark == ",":
            self._parts.append(",")
            self._break()
        else:
            self._parts.append(": " if mark == ":" else mark)

    def text(self) -> str:
        return "".join(self._parts).lstrip("\n")

    def _close(self, mark: str) -> None:
        start = self._open.pop() if self._open else len(self._parts)
        short = self._short.pop() if self._short else False
        if short:
            parts = self._parts[start:]
            line = "".join(" " if part[0] == "\n" else part for part in parts)
            line = f"{line[0]}{line[1:].strip()}{mark}"
            if len(line) <= _SHORT:
                self._parts[start:] = [line]
                return
        if self._short:
            self._short[-1] = False
        self._break()
        self._parts.append(mark)

    def _break(self) -> None:
        self._parts.append("\n" + " " * min(len(self._open), _DEEPEST))


def _with_plain_characters(text: str) -> str:
    r"""Return a JSON text with the characters that ``\u`` escapes stand for, ASCII ones left."""
    return _ESCAPE.sub(_character, text) if "\\u" in text else text


def _character(match: re.Match[str]) -> str:
    if not match[1]:
        return match[0]
    code = int(match[1], 16)
    if code < 0xA0 or code in (0x2028, 0x2029, 0xFEFF):
        return match[0]
    if 0xD800 <= code < 0xDC00 and match[2]:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(match[2], 16) - 0xDC00)
    if 0xD800 <= code < 0xE000:
        return match[0]  # half of a character is none
    return chr(code) + (f"\\u{match[2]}" if match[2] else "")
