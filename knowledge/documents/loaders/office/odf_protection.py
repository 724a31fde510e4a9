"""OpenDocument packages that are protected by a password (ODF 1.3 part 2, section 4)."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from knowledge.documents.loaders.office.protection import protected
from knowledge.documents.loaders.office.xml_package import Package, attribute, local_name
from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import DocumentError

_MOST_ITERATIONS = 10_000_000
_LIMIT = 256 * MIB
_PARTS = ("content.xml", "styles.xml", "meta.xml")
_NOTHING_ENCRYPTED = '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
_PACKAGE = "encrypted-package"
"""The part that holds all others where LibreOffice 24.8 or later encrypted a file."""


@dataclass(frozen=True, slots=True)
class _Cipher:
    """How a part is encrypted."""

    salt: bytes
    vector: bytes
    iterations: int
    size: int
    start: str


def open_package(data: bytes, options: LoadOptions) -> Package:
    """Return the package, without its encryption where a password opens it.

    Raises
    ------
    DocumentError
        No password opens it, or it is encrypted in a way that is not known here.
    """
    return Package(unlocked(data, options))


def unlocked(data: bytes, options: LoadOptions) -> bytes:
    """Return the file without its encryption; unprotected ones as they are.

    Raises
    ------
    DocumentError
        As `open_package` raises it.
    """
    package = Package(data)
    manifest = package.tree("META-INF/manifest.xml")
    entries = [] if manifest is None else [e for e in manifest if local_name(e) == "file-entry"]
    ciphers = {
        attribute(entry, "full-path"): _cipher(entry)
        for entry in entries
        if any(local_name(child) == "encryption-data" for child in entry)
    }
    if not ciphers:
        return data
    if _PACKAGE in ciphers or not all(ciphers[name] for name in _PARTS if name in ciphers):
        raise DocumentError(
            "it is protected by a password, in a way that can't be opened here",
            hint="Save it without a password, or with an older version of the format.",
        )
    for password in options.passwords:
        opened = _opened(package, ciphers, password)
        if opened is not None:
            return opened
    raise protected(len(options.passwords))


def _cipher(entry: Any) -> _Cipher | None:
    """Return the cipher of an entry; ``None`` for others than AES-256 in CBC mode with PBKDF2."""
    found = {local_name(element): element for element in entry.iter()}
    algorithm, derivation = found.get("algorithm"), found.get("key-derivation")
    if algorithm is None or derivation is None:
        return None
    name = attribute(algorithm, "algorithm-name").lower()
    iterations = attribute(derivation, "iteration-count")
    if not name.endswith("aes256-cbc") or not iterations.isdigit():
        return None
    start = found.get("start-key-generation")
    sha256 = start is not None and "sha256" in attribute(start, "start-key-generation-name").lower()
    return _Cipher(
        base64.b64decode(attribute(derivation, "salt")),
        base64.b64decode(attribute(algorithm, "initialisation-vector")),
        min(int(iterations), _MOST_ITERATIONS),
        int(attribute(derivation, "key-size") or 16),
        "sha256" if sha256 else "sha1",
    )


def _opened(package: Package, ciphers: dict[str, _Cipher | None], password: str) -> bytes | None:
    """Return an archive with the XML parts decrypted; ``None`` where the password is wrong."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", package.read("mimetype") or b"", zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", _NOTHING_ENCRYPTED)
        for name in _PARTS:
            part = package.read(name)
            if part is not None and name in ciphers:
                cipher = ciphers[name]
                part = _decrypted(part, cipher, password) if cipher else None
                if part is None:
                    return None
            if part is not None:
                archive.writestr(name, part)
    return output.getvalue()


def _decrypted(data: bytes, cipher: _Cipher, password: str) -> bytes | None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    start = hashlib.new(cipher.start, password.encode()).digest()
    key = hashlib.pbkdf2_hmac("sha1", start, cipher.salt, cipher.iterations, cipher.size)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(cipher.vector)).decryptor()
    try:
        packed = decryptor.update(data) + decryptor.finalize()
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _LIMIT)
    except (ValueError, zlib.error):
        return None
