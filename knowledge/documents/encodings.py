"""Bytes to text, whatever encoding they are in."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

from knowledge.documents.signatures import describe
from knowledge.errors import DocumentError
from knowledge.text.cleaning import clean

_SAMPLE = 65_536
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, hence before it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Control bytes that no text holds in number; tab, line breaks, backspace and escape may occur.
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
_ISO_2022_JP = b"\x1b$B"
_EBCDIC_LETTERS = b"".join(
    bytes(range(first, last))
    for first, last in (
        *((0x81, 0x8A), (0x91, 0x9A), (0xA2, 0xAA)),
        *((0xC1, 0xCA), (0xD1, 0xDA), (0xE2, 0xEA), (0xF0, 0xFA)),
    )
)
_EBCDIC_SIGNS = bytes((0x05, 0x0D, 0x15, 0x25)) + bytes(
    sign for sign in range(0x41, 0x100) if sign not in _EBCDIC_LETTERS
)
_EBCDIC = frozenset({"cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"})


def decode(data: bytes, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of ``data``, cleaned, and warnings where it had to be guessed.

    Byte order marks count first, then UTF-16 and UTF-32 where bytes of characters are NUL, then
    UTF-8, then what the file declares; then the encoding is guessed. Where some lines are UTF-8 and
    others are not, each is decoded by itself.

    Parameters
    ----------
    declared:
        The encoding that the file itself names, if it does.

    Raises
    ------
    DocumentError
        The bytes are not text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _as(data[len(mark) :], encoding)
    wide = _wide_without_mark(data)
    if wide:
        return _as(data, wide)
    if _is_binary(data):
        kind = describe(data)
        raise DocumentError(
            "it holds binary data, not text" + (f"; it seems to be: {kind}" if kind else "")
        )
    japanese = "iso2022_jp" if _ISO_2022_JP in data[:_SAMPLE] else None  # looks like ASCII
    for encoding in filter(None, (japanese, "utf-8", declared)):
        try:
            return clean(data.decode(encoding)), ()
        except (UnicodeError, LookupError):
            continue
    return _guessed(data)


def is_text(head: bytes) -> bool:
    """Tell whether the first bytes of a file look like text of any encoding."""
    if head.startswith(tuple(mark for mark, _ in _BOMS)) or _wide_without_mark(head):
        return True
    return b"\0" not in head and not _is_binary(head)


def _as(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    # Lone surrogates and a cut-off end are lost without a word; cleaning would drop them too.
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd")
    return clean(text), _lost(lost, encoding) if lost > 1 else ()


def _lost(count: int, encoding: str) -> tuple[str, ...]:
    characters = "1 character" if count == 1 else f"{count} characters"
    return (f"{characters} could not be decoded as {encoding}",)


def _is_binary(data: bytes) -> bool:
    middle = len(data) // 2
    sample = data[:_SAMPLE]
    if len(data) > _SAMPLE:
        sample += data[middle : middle + _SAMPLE // 4] + data[-_SAMPLE // 4 :]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > 1 + len(sample) // 100 and not _is_ebcdic(sample)


def _is_ebcdic(sample: bytes) -> bool:
    """Tell whether bytes are text of a mainframe: its letters and spaces lie elsewhere."""
    size = len(sample)
    letters = size - len(sample.translate(None, _EBCDIC_LETTERS))
    signs = size - len(sample.translate(None, _EBCDIC_SIGNS))
    spaces = sample.count(b"\x40")
    return 20 * spaces > size and 2 * letters > size and letters + signs + spaces > 0.95 * size


def _wide_without_mark(data: bytes) -> str | None:
    """Return the encoding of UTF-16 or UTF-32 text without a mark, where it is plain.

    In alphabets one byte of each pair is small: 0 for Latin, 4 for Cyrillic, and so on.
    """
    sample = data[:4096]
    if len(data) < 4 or len(data) % 2 or b"\0" not in sample:
        return None
    if len(data) % 4 == 0 and len(data) >= 8:
        for zeros, at_low, encoding in (((2, 3), 0, "utf-32-le"), ((0, 1), 3, "utf-32-be")):
            if not any(any(sample[at::4]) for at in zeros) and _small(sample[at_low::4]) < 0.3:
                return encoding
    for high, low, encoding in (
        (sample[1::2], sample[0::2], "utf-16-le"),
        (sample[0::2], sample[1::2], "utf-16-be"),
    ):
        if _small(high) > 0.7 and _small(low) < 0.3:
            text = sample.decode(encoding, "ignore").encode("utf-8", "ignore")
            return None if _is_binary(text) else encoding
    return None


def _small(data: bytes) -> float:
    return 1 - len(data.translate(None, bytes(range(32)))) / len(data)


def _guessed(data: bytes) -> tuple[str, tuple[str, ...]]:
    mixed = _by_lines(data)
    if mixed is not None:
        return mixed
    lines = data[: 8 * _SAMPLE].split(b"\n")
    encoding = _guess(b"\n".join(line for line in lines if not line.isascii()))
    warning = f"it is not UTF-8; it was read as {encoding}, which is a guess"
    text = data.decode(encoding, "replace")
    return clean(text.replace("\x85", "\n") if encoding in _EBCDIC else text), (warning,)


def _by_lines(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Decode each line by itself; ``None`` where too few of them are UTF-8."""
    if not _OF_SEVERAL.search(data):
        return None
    lines = data.split(b"\n")
    kinds = [_kind(line) for line in lines]
    others = kinds.count(_OTHER)
    ours = len(kinds) - others - kinds.count(_ASCII)
    if not ours or others > 4 * ours:
        return None
    pairs = list(zip(lines, kinds, strict=True))
    encoding = _guess(b"\n".join(line for line, kind in pairs if kind is _OTHER)) if others else ""
    text = "\n".join(
        line.decode(encoding if kind is _OTHER else "utf-8", "replace") for line, kind in pairs
    )
    lost = text.count("\ufffd")
    warnings = _lost(lost, "utf-8") if lost else ()
    if others:
        told = "1 line is" if others == 1 else f"{others} lines are"
        warnings += (f"{told} not UTF-8; read as {encoding}, which is a guess",)
    return clean(text), warnings


_OF_SEVERAL = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
"""Every character of UTF-8 outside ASCII begins so."""
_ASCII, _UTF8, _OTHER = range(3)
"""What a line is; UTF-8 may be damaged."""


def _kind(line: bytes) -> int:
    if line.isascii():
        return _ASCII
    text = line.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - lost
    return _UTF8 if whole > 10 * lost else _OTHER


def _guess(sample: bytes) -> str:
    """Guess an encoding by the lines that hold other bytes than ASCII."""
    if _is_western(sample):
        return _WESTERN
    import chardet

    every = chardet.EncodingEra.ALL
    listed = chardet.detect_all(sample[:_GUESSED], encoding_era=every, ignore_threshold=True)
    head = sample[:_LOOK]
    found = [
        (one["confidence"], name.lower(), name)
        for one in listed[:_MOST]
        if (name := one["encoding"]) and _is_known(name)
    ]
    found.sort(key=lambda one: -one[0])
    near: list[tuple[float, str, str]] = []
    for sure, name, codec in found:
        if near and sure < (_NEARLY if name == _WESTERN else _TIED) * near[0][0]:
            continue
        text = head.decode(codec, "replace")
        if _is_plausible(text):
            near.append((sure, name, text))
    if not near:
        near = [(sure, name, head.decode(codec, "replace")) for sure, name, codec in found]
    if not near or any(name == _WESTERN and s >= _NEARLY * near[0][0] for s, name, _ in near):
        return _WESTERN
    tied = [one for one in near if one[0] >= _TIED * near[0][0]]
    return max(tied, key=lambda one: len(_RUSSIAN.findall(one[2])))[1]


def _is_western(sample: bytes) -> bool:
    """Tell quickly of some texts that their letters are the same in all code pages of Latin."""
    return sample.translate(None, _AGREED).isascii() and not _IN_DOUBT.search(sample)


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


_GUESSED, _LOOK, _MOST = 16_384, 4_096, 24
"""Bytes by which an encoding is guessed, and bytes and candidates that are looked at closely."""
_WESTERN = "windows-1252"
_AGREED = "ÄÉÖÜßäéöü".encode(_WESTERN)
_IN_DOUBT = re.compile(
    rb"[\x80-\xff](?:[\x80-\xff]{2}|(?<=[a-z][\xc4\xc9\xd6\xdc])"
    rb"|(?<![A-Za-z\x80-\xff].)[\x80-\xff]?(?![A-Za-z\x80-\xff]))",
    re.DOTALL,
)
"""Letters that do not look like Latin ones: many, capitals inside words, none of ASCII beside."""
_NEARLY, _TIED = 0.7, 0.98
"""Share of the best candidate's score from which the usual one is taken, and others compared."""
_RUSSIAN = re.compile("[А-яЁё]")
"""Code pages of Cyrillic differ in rarer letters alone."""
_HIGH = re.compile(r"(.?)([^\x00-\x7f])(?=(.?))", re.DOTALL)
_CONTROL = re.compile("[\x80-\x84\x86-\x9f]")
"""No text holds them, but for the line break of mainframes."""
_IN_WORDS = frozenset("’ʼ·\u0301\u200c\u200d\xad\u2010\u2011")


def _is_plausible(text: str) -> bool:
    """Tell whether words are of one script each, without capitals and signs inside them."""
    if _CONTROL.search(text):
        return False
    found = Counter(_HIGH.findall(text))
    odd = sum(
        count for (before, sign, after), count in found.items() if _is_odd(before, sign, after)
    )
    return 10 * odd <= found.total()


def _is_odd(before: str, sign: str, after: str) -> bool:
    if unicodedata.category(sign)[0] not in "LM":
        return before.isalpha() and after.isalpha() and sign not in _IN_WORDS
    if before.islower() and sign.isupper():
        return True
    beside = any(one.isascii() and one.isalpha() for one in before + after)
    return beside and not unicodedata.name(sign, "").startswith("LATIN")
