"""Office files that are protected by a password."""

from __future__ import annotations

import io
from typing import Any

from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_READABLE_TO_ALL = "VelvetSweatshop"
"""With it Excel encrypts workbooks that are only protected against changes."""


def protected(tried: int = 0) -> DocumentError:
    """Return the error for a file that no password opened."""
    ending = f", and none of the {tried} given opens it" if tried else ""
    return DocumentError(
        f"it is protected by a password{ending}",
        hint="Give it by `passwords`, or name a file with one on each line by KNOW_PASSWORDS_FILE.",
    )


def unlock(data: bytes, options: LoadOptions) -> bytes:
    """Return the file without its protection; unprotected ones as they are.

    Parameters
    ----------
    data:
        A file of Microsoft Office of any age.
    options:
        The passwords to try.

    Raises
    ------
    DocumentError
        No password opens it.
    """
    if not data.startswith(OLE):
        return data
    import msoffcrypto

    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(data))
        if not file.is_encrypted():
            return data
    except Exception as error:  # it raises whatever a malformed file leads it to
        if _PACKAGE in data:
            raise protected() from error
        return data  # its loader reports what is wrong
    for password in (_READABLE_TO_ALL, *options.passwords):
        opened = _opened(file, password)
        if opened is not None:
            return opened
    raise protected(len(options.passwords))


def _opened(file: Any, password: str) -> bytes | None:
    output = io.BytesIO()
    checked = {"verify_password": True} if file.format == "ooxml" else {}  # the others always do
    try:
        file.load_key(password=password, **checked)
        file.decrypt(output)
    except Exception:  # noqa: BLE001  a wrong password shows itself in many ways
        return None
    return output.getvalue()
