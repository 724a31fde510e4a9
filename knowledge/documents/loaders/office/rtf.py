"""RTF to Markdown: kreuzberg, or striprtf where kreuzberg fails."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from knowledge.documents.loaders.office.kreuzberg_engine import (
    extract,
    metadata_of,
    without_escapes,
)
from knowledge.documents.loaders.office.looks import PLAIN, Look
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font, shown, sign
from knowledge.documents.loading import Source
from knowledge.documents.panics import panics_as_errors
from knowledge.errors import DocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean
from knowledge.text.marks import Script, Span, written

_ROW_MARK = re.compile(r"^\[TABLE_ROW\]\n*", re.MULTILINE)  # what kreuzberg leaves of some tables
_SIGNS = re.compile("[\ufeff\uf000-\uf0ff]")  # bullets of symbol fonts, and marks


def load(source: Source) -> Document:
    """Read rich text: headings, tables, notes, comments and text boxes.

    Raises
    ------
    DocumentError
        It is no RTF, or neither engine can read it.
    """
    if not source.data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rt"):
        raise DocumentError("it is not an RTF document: it does not begin with {\\rtf")
    warnings: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    loader = "kreuzberg"
    try:
        with panics_as_errors("reading it"):
            result = extract(rewrite(source.data), "application/rtf")
        text = _ROW_MARK.sub("", without_escapes(result.content))
        metadata = metadata_of(result)
        if not text.strip():
            raise DocumentError("it gives no text")
    except DocumentError as first:
        text, loader = _by_striprtf(source.data, first), "striprtf"
        warnings = (f"read by striprtf, since the first engine failed: {first.message}",)
    return Document(
        _SIGNS.sub("", clean(text)),
        TextKind.MARKDOWN,
        metadata=metadata,
        loader=loader,
        warnings=warnings if text.strip() else (),
    )


def _by_striprtf(data: bytes, first: DocumentError) -> str:
    from striprtf import striprtf

    read: Any = striprtf.rtf_to_text
    try:
        return str(read(data.decode("latin-1"), errors="replace"))
    except Exception:  # noqa: BLE001  striprtf raises whatever a malformed file leads it to
        raise first from None


# Rewrites RTF so that a reader that knows Unicode alone finds every text in it.
#
# Letters that an RTF file writes in the code page of their font become ``\u`` escapes; text boxes
# and comments, which readers skip, become plain groups and footnotes; pictures go. After the RTF
# specification 1.9.1.

_TOKEN = re.compile(
    rb"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,10})? ?"
    rb"|\\'(?P<hex>[0-9A-Fa-f]{2})|\\(?P<sign>[^A-Za-z])|(?P<brace>[{}])"
    rb"|(?P<text>[^\\{}\r\n]+)|(?P<end>[\r\n]+)",
    re.DOTALL,
)
_STARRED = re.compile(rb"\\\*[\r\n ]*\\(?P<word>[A-Za-z]+)")
_CODE_PAGES = (
    {77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "big5"}
    | {161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257"}
    | {204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850"}
)
_SPECIAL = re.compile(rb"[\\{}]")
_BREAK = b"\n"  # no text, but the end of a control word before it
_SYMBOL_CHARSET = 2
_LOOKS = frozenset(
    {
        b"f",
        b"fs",
        b"b",
        b"i",
        b"ul",
        b"ulnone",
        b"cf",
        b"cb",
        b"chcbpat",
        b"highlight",
        b"lang",
        b"cs",
    }
    | {
        b"langfe",
        b"langnp",
        b"langfenp",
        b"noproof",
        b"kerning",
        b"expnd",
        b"expndtw",
        b"charscalex",
    }
    | {
        b"insrsid",
        b"charrsid",
        b"rtlch",
        b"ltrch",
        b"af",
        b"afs",
        b"alang",
        b"loch",
        b"hich",
        b"dbch",
    }
    | {
        b"super",
        b"sub",
        b"nosupersub",
        b"up",
        b"dn",
        b"strike",
        b"striked",
        b"u",
        b"uc",
        b"deleted",
        b"plain",
    }
)
"""Words that change how text looks, but do not end it."""
_SCRIPTS = {
    b"super": Script.SUPER,
    b"up": Script.SUPER,
    b"sub": Script.SUB,
    b"dn": Script.SUB,
    b"nosupersub": Script.BASE,
}
_FIELD = re.compile(
    rb"[^{}]{0,40}\{\\\*\\fldinst(?:\\[a-z]+-?\d* ?|[\s{])*SYMBOL\s+(\d{1,7})"
    rb'(?:[^{}]*?\\\\f\s+"?([^"\\{}]+))?',
    re.IGNORECASE,
)
_BOX = re.compile(
    rb"[^{}]{0,40}\{\\\*\\fldinst(?:\\[a-z]+-?\d* ?|[\s{])*FORMCHECKBOX[^}]*?\\fftype1"
    rb"(?=[^}]*?\\ffres(?P<state>\d+))?(?=[^}]*?\\ffdefres(?P<default>\d+))?"
)
_AS_DEFAULT = b"25"
_FRAME_WORDS = frozenset({b"shpinst", b"shptxt", b"annotation"})
_LOST = frozenset(
    {b"pict", b"objdata", b"sp", b"shprslt", b"nonshppict", b"atnid", b"atnauthor", b"atnref"}
    | {b"atndate", b"atntime", b"atnicn", b"atnparent", b"atrfstart", b"atrfend"}
)


@dataclass(slots=True)
class _State:
    """What a group inherits from the one around it."""

    font: int = -1
    fallback: int = 1
    table: bool = False
    """Whether the group is in the table of fonts."""
    look: Look = PLAIN
    deleted: bool = False
    """Whether a tracked change took the text away."""
    open: bool = False
    """Whether the group has no braces in what is written."""


class _Rewriter:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._output: list[bytes] = []
        self._fonts: dict[int, str] = {}
        self._page = "cp1252"
        self._default = 0
        self._state = _State()
        self._stack: list[_State] = []
        self._packed = bytearray()
        self._to_skip = 0
        self._symbols: dict[int, str] = {}
        self._marked: list[Span] = []
        """Raised, lowered and struck text that is not written yet."""
        self._last = ""
        """The last character that was written, of this paragraph."""

    def run(self) -> bytes:
        offset = 0
        while offset < len(self._data):
            match = _TOKEN.match(self._data, offset)
            if match is None:
                offset += 1
                continue
            offset = self._take(match)
        self._flush()
        self._settle()
        return b"".join(self._output)

    def _take(self, match: re.Match[bytes]) -> int:
        """Rewrite one token; return where the next one begins."""
        if match["hex"]:
            self._letters(bytes([int(match["hex"], 16)]))
        elif match["text"]:
            self._letters(match["text"])
        elif match["word"]:
            self._flush()
            return self._word(match)
        elif match["brace"]:
            self._flush()
            return self._brace(match)
        elif match["sign"]:
            self._flush()
            if self._to_skip:
                self._to_skip -= 1
            else:
                self._output.append(match[0])
        elif not self._packed:
            self._output.append(_BREAK)
        return match.end()

    def _brace(self, match: re.Match[bytes]) -> int:
        self._to_skip = 0
        if match["brace"] == b"{":
            return self._group(match)
        if not self._state.open:
            self._settle()
        self._output.append(_BREAK if self._state.open else b"}")
        self._state = self._stack.pop() if self._stack else _State()
        return match.end()

    def _group(self, match: re.Match[bytes]) -> int:
        start = match.end()
        starred = _STARRED.match(self._data, start)
        first = starred or _TOKEN.match(self._data, start)
        word = first["word"] if first else None
        if word in _LOST:
            self._output.append(_BREAK)
            return _after_group(self._data, start)
        shown_sign = self._symbol_field(start) if word == b"field" else ""
        if shown_sign:
            self._say(shown_sign)
            return _after_group(self._data, start)
        self._stack.append(self._state)
        table = self._state.table or word == b"fonttbl"
        looks = not starred and first is not None and bool(first["text"] or word in _LOOKS)
        self._state = replace(self._state, table=table, open=looks and not table)
        if self._state.open:  # readers put a space behind a group, also within a word
            self._output.append(_BREAK)
            return start
        self._settle()
        if starred and word in _FRAME_WORDS:
            self._output.append(b"{\\footnote " if word == b"annotation" else b"{")
            return starred.end()
        self._output.append(b"{")
        return start

    def _word(self, match: re.Match[bytes]) -> int:
        word = match["word"]
        number = int(match["number"]) if match["number"] else None
        if word == b"bin":
            self._output.append(_BREAK)
            return match.end() + max(number or 0, 0)
        if word == b"u" and number is not None:
            self._unit(number)
            self._to_skip = self._state.fallback
            return match.end()
        self._to_skip = 0
        if word not in _LOOKS:
            self._settle()
            self._last = ""
        self._note(word, number or 0)
        self._look(word, number)
        kept = word not in _LOOKS or self._state.table
        self._output.append(match[0] if kept else _BREAK)
        return match.end()

    def _unit(self, number: int) -> None:
        """Take a UTF-16 unit; halves of a pair pass as they are."""
        unit = number & 0xFFFF
        if 0xD800 <= unit < 0xE000:
            self._settle()
            self._output.append(_escape(unit))
        else:
            self._say(chr(unit))

    def _look(self, word: bytes, number: int | None) -> None:
        """Keep what a control word says of marks."""
        state = self._state
        if word in _SCRIPTS:
            script = Script.BASE if number == 0 else _SCRIPTS[word]
            state.look = replace(state.look, script=script)
        elif word in (b"strike", b"striked"):
            state.look = replace(state.look, struck=number != 0)
        elif word == b"deleted":
            state.deleted = number != 0
        elif word == b"plain":
            state.look, state.deleted = PLAIN, False

    def _symbol_field(self, start: int) -> str:
        """Return the sign of a field such as ``SYMBOL 109`` that keeps no result; else nothing."""
        box = _BOX.match(self._data, start)
        if box is not None:
            state = box["state"] if box["state"] != _AS_DEFAULT else box["default"]
            return "☑" if state == b"1" else "☐"
        found = _FIELD.match(self._data, start)
        if found is None:
            return ""
        rest = self._data[found.end() : _after_group(self._data, start)].partition(b"\\fldrslt")[2]
        if _TOKEN.sub(lambda token: token["text"] or b"", rest).strip():
            return ""
        return sign(int(found[1]), (found[2] or b"Symbol").decode("latin-1").strip())

    def _note(self, word: bytes, number: int) -> None:
        """Keep what a control word says of fonts and code pages."""
        if word == b"f":
            self._state.font = number
        elif word == b"plain":
            self._state.font = -1
        elif word == b"fcharset" and self._state.table:
            if number in _CODE_PAGES:
                self._fonts[self._state.font] = _CODE_PAGES[number]
            elif number == _SYMBOL_CHARSET:
                self._symbols.setdefault(self._state.font, "Symbol")
        elif word == b"ansicpg":
            self._page = _known(f"cp{number}")
        elif word == b"mac":
            self._page = "mac_roman"
        elif word == b"deff":
            self._default = number
        elif word == b"uc":
            self._state.fallback = min(max(number, 0), 16)

    def _letters(self, letters: bytes) -> None:
        skipped = min(self._to_skip, len(letters))
        self._to_skip -= skipped
        self._packed += letters[skipped:]

    def _flush(self) -> None:
        if not self._packed:
            return
        packed, self._packed = bytes(self._packed), bytearray()
        font = self._state.font if self._state.font >= 0 else self._default
        if self._state.table:
            self._name_font(packed)
        if font in self._symbols and not self._state.table:
            self._say(packed.decode("latin-1"))
            return
        page = "ascii" if packed.isascii() else self._fonts.get(font, self._page)
        self._say(packed.decode(page, "replace"))

    def _name_font(self, packed: bytes) -> None:
        name = packed.decode("latin-1").strip().rstrip(";")
        if is_symbol_font(name):
            self._symbols[self._state.font] = name

    def _say(self, text: str) -> None:
        """Write a text, or keep it until all that has the same marks has come."""
        if self._state.deleted:
            return
        font = self._state.font if self._state.font >= 0 else self._default
        symbols = "" if self._state.table else self._symbols.get(font, "")
        look = self._state.look
        span = Span(shown(text, symbols) if symbols else text, look.script, look.struck)
        if span.script is not Script.BASE or span.struck:
            self._marked.append(span)
        else:
            self._settle(span.text)
            self._write(span.text)

    def _settle(self, after: str = "") -> None:
        """Write the marked text that was kept."""
        if self._marked:
            marked, self._marked = self._marked, []
            self._write(written(marked, self._last, after))

    def _write(self, text: str) -> None:
        for piece in re.split("([^\0-\x7f]+)", text):
            if piece.isascii():
                self._output.append(_SPECIAL.sub(rb"\\\g<0>", piece.encode()))
            else:
                units = piece.encode("utf-16-be")
                for at in range(0, len(units), 2):
                    self._output.append(_escape(int.from_bytes(units[at : at + 2], "big")))
        self._last = text[-1:] or self._last


def rewrite(data: bytes) -> bytes:
    """Return the same document for a reader that knows Unicode alone."""
    return _Rewriter(data).run()


def _escape(number: int) -> bytes:
    return b"\\u%d?" % (number - 65_536 if number > 32_767 else number)


def _known(page: str) -> str:
    try:
        "".encode(page)
    except LookupError:
        return "cp1252"
    return page


_BRACE = re.compile(rb"\\(?:bin(?P<bin>\d{1,9}) ?|.)|[{}]", re.DOTALL)


def _after_group(data: bytes, start: int) -> int:
    """Return where the group ends whose content begins at ``start``."""
    depth = 1
    while match := _BRACE.search(data, start):
        start = match.end() + int(match["bin"] or 0)
        if match[0] == b"{":
            depth += 1
        elif match[0] == b"}":
            depth -= 1
            if not depth:
                return start
    return len(data)
