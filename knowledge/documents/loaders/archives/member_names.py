"""Names of archive members that are not in UTF-8."""

from __future__ import annotations

from collections.abc import Sequence

LEADS_OUT = "its path leads out of the archive, so it was not read"

# What programs wrote before UTF-8; the accents of western languages were those of cp437.
_ENCODINGS = ["cp932", "gb18030", "big5", "cp949", "cp866", "cp437"]


def decoded(names: Sequence[bytes]) -> list[str]:
    """Return names of one archive as text: UTF-8, or what they all together seem to be in."""
    try:
        return [name.decode() for name in names]
    except UnicodeDecodeError:
        encoding = _guess(b"\n".join(names))
    return [_utf8_or(name, encoding) for name in names]


def _utf8_or(name: bytes, encoding: str) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode(encoding, "replace")


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample[:65_536], cp_isolation=_ENCODINGS).best()
    return best.encoding if best else "cp437"
