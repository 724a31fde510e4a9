"""Signed and packed mail (S/MIME, RFC 8551): what is inside its envelope (CMS, RFC 5652).

Signatures are not verified: the text is read, not vouched for.
"""

from __future__ import annotations

import zlib

from knowledge.documents.options import MIB
from knowledge.errors import DocumentError

_LARGEST = 64 * MIB
"""Bytes that a packed mail may unpack to."""


def unwrapped(data: bytes) -> bytes | None:
    """Return what a signed or packed envelope holds.

    ``None`` for one that is encrypted, and for a signature that stands beside what it signs.

    Raises
    ------
    DocumentError
        It is damaged, or packs too much.
    """
    from asn1crypto import cms, pem

    try:
        if pem.detect(data):
            _, _, data = pem.unarmor(data)
        envelope = cms.ContentInfo.load(data)
        kind = envelope["content_type"].native
        if kind not in ("signed_data", "compressed_data"):
            return None
        content = envelope["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise DocumentError("its signed envelope is damaged") from error
    if not isinstance(content, bytes):
        return None
    return content if kind == "signed_data" else _unpacked(content)


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(content, _LARGEST)
    except zlib.error as error:
        raise DocumentError("its packed envelope is damaged") from error
    if unpacker.unconsumed_tail:
        raise DocumentError(f"it unpacks to more than {_LARGEST // MIB} MiB, the limit")
    return found
