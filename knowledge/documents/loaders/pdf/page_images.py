"""The pages of a PDF, or an image, as PNG: for a model that reads them."""

from __future__ import annotations

import io
from importlib.util import find_spec

from knowledge.documents.loaders.images.ocr import MAX_SIDE
from knowledge.documents.loaders.office.protection import protected
from knowledge.documents.loaders.pdf.file import open_pdf
from knowledge.documents.options import LoadOptions
from knowledge.errors import DocumentError
from knowledge.extras import install_command


def page_images(data: bytes, format_: str, options: LoadOptions) -> tuple[bytes, ...]:
    """Return each page as PNG; empty bytes for a page without anything on it.

    Parameters
    ----------
    format_:
        ``pdf`` or ``image``.

    Raises
    ------
    DocumentError
        It can't be read, or the extra ``ocr`` is not installed.
    """
    if find_spec("PIL") is None:
        raise DocumentError(
            "drawing its pages takes Pillow, which is not installed",
            hint=f"Install it: {install_command('ocr')}",
        )
    return _of_pdf(data, options) if format_ == "pdf" else (_of_image(data),)


def _of_pdf(data: bytes, options: LoadOptions) -> tuple[bytes, ...]:
    with open_pdf(data, options.passwords) as file:
        if file is None:
            if b"/Encrypt" in data:
                raise protected(len(options.passwords))
            raise DocumentError("PDFium can't read it")
        pages = []
        for number in range(1, file.pages + 1):
            image = file.image(number)
            pages.append(b"" if image is None else _png(image))
        return tuple(pages)


def _of_image(data: bytes) -> bytes:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            return _png(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DocumentError(f"it can't be read as an image: {error}") from error


def _png(image: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")  # type: ignore[attr-defined]
    return buffer.getvalue()
