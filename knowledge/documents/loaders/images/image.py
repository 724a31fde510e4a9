"""Images: the text that OCR finds in them, page by page where a file holds several."""

from __future__ import annotations

import io
from collections.abc import Iterator

from knowledge.documents.loaders.images import ocr
from knowledge.documents.loaders.numbered_pages import Part, numbered
from knowledge.documents.loading import Source
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import Document, TextKind
from knowledge.text.cleaning import clean

MAX_PIXELS = 200_000_000
_MAX_PAGES = 2_000


def load(source: Source) -> Document:
    """Read an image.

    Raises
    ------
    EmptyDocumentError
        OCR is off, or not installed.
    DocumentError
        It is no image, or has too many pixels.
    """
    if source.options.ocr == "off":
        raise EmptyDocumentError("it is an image, and OCR is off", hint=ocr.OFF_HINT)
    if not ocr.can_read():
        raise EmptyDocumentError("it is an image, which takes OCR to read", hint=ocr.install_hint())
    text, spans = numbered(_pages(source.data))
    several = len(spans) > 1
    return Document(
        text,
        TextKind.TEXT,
        spans if several else (),
        metadata={"pages": len(spans)} if several else {},
        loader="rapidocr",
    )


def _pages(data: bytes) -> Iterator[Part]:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the check below says which file it was
    try:
        with Image.open(io.BytesIO(data)) as image:
            frames = getattr(image, "n_frames", 1) if image.format in ("TIFF", "MPO") else 1
            for frame in range(min(frames, _MAX_PAGES)):
                image.seek(frame)
                if image.width * image.height > MAX_PIXELS:
                    raise DocumentError(
                        f"it has {image.width} x {image.height} pixels, more than "
                        f"{MAX_PIXELS // 1_000_000} million, the limit"
                    )
                yield Part(frame + 1, clean(ocr.recognised(image)))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DocumentError(f"it can't be read as an image: {reason}") from error
