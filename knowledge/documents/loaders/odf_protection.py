"""OpenDocument packages that are protected by a password (ODF 1.3 part 2, section 4)."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from knowledge.documents.loaders.odf_text import attribute
from knowledge.documents.loaders.package import Package, local_name
from knowledge.documents.loaders.protection import protected
from knowledge.documents.options import MIB, LoadOptions

_MOST_ITERATIONS = 10_000_000
_LIMIT = 256 * MIB


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
    package = Package(data)
    manifest = package.tree("META-INF/manifest.xml")
    entries = [] if manifest is None else [e for e in manifest if local_name(e) == "file-entry"]
    ciphers = {
        attribute(entry, "full-path"): _cipher(entry)
        for entry in entries
        if any(local_name(child) == "encryption-data" for child in entry)
    }
    if not ciphers:
        return package
    for password in options.passwords:
        opened = _opened(package, ciphers, password)
        if opened is not None:
            return Package(opened)
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
        for name in ("content.xml", "styles.xml", "meta.xml"):
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
