"""Envelopes of signed and packed mail and files (S/MIME, RFC 8551; CMS, RFC 5652).

Signatures are not verified: the text is read, not vouched for.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from email import message_from_bytes

from knowledge.documents.options import MIB
from knowledge.errors import DocumentError, UnsupportedDocumentError

ENDING = ".p7m"
_LARGEST = 64 * MIB
"""Bytes that a packed mail may unpack to."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_HEAD = 65_536


def inner_name(name: str) -> str:
    """Return the name of what an envelope of this name holds."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return base[: -len(ENDING)] if base.lower().endswith(ENDING) else base


def is_mail(data: bytes) -> bool:
    """Tell whether bytes are a mail, or a part of one with its header fields."""
    return "Content-Type" in message_from_bytes(data[:_HEAD].lstrip())


def unwrapped(data: bytes) -> bytes:
    """Return what a signed or packed envelope holds.

    Raises
    ------
    DocumentError
        It is encrypted or damaged, or packs too much.
    UnsupportedDocumentError
        It holds certificates, or a signature that stands beside what it signs.
    """
    from asn1crypto import cms, pem

    try:
        if pem.detect(data):
            _, _, data = pem.unarmor(data)
        elif data[:1] != b"0" or _BASE64.fullmatch(data[:_HEAD]):
            data = base64.b64decode(data)
        envelope = cms.ContentInfo.load(data)
        kind = envelope["content_type"].native
        if kind not in ("signed_data", "compressed_data"):
            raise DocumentError("it is encrypted")
        content = envelope["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, binascii.Error) as error:
        raise DocumentError("its signed envelope is damaged") from error
    if not isinstance(content, bytes):
        raise UnsupportedDocumentError("a signature or certificates, without what is signed")
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
