"""Text recognition on images, by rapidocr, whose models lie in its wheel (extra ``ocr``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from knowledge.documents.loaders.images.ocr_lines import Box, lines_of
from knowledge.extras import install_command

NEEDED = " adds text recognition."
"""How a reason ends where text recognition is not installed."""
OFF_HINT = "Set `ocr` to auto, and text is recognized."
MAX_SIDE = 4_000
"""Pixels of an image's longer side; larger ones are scaled down to it."""

_PAPER = 240
_MARGIN = 40
_THREADS = "EngineConfig.onnxruntime.intra_op_num_threads"
"""One thread: files are read by several processes at once."""


def install_hint() -> str:
    """Return how text recognition is installed."""
    return install_command("ocr") + NEEDED


def can_read() -> bool:
    """Tell whether the libraries for text recognition are installed."""
    return all(find_spec(name) for name in ("rapidocr", "onnxruntime", "PIL"))


def recognised(image: Any) -> str:
    """Return the text in an image (of Pillow), line by line, columns one after the other."""
    import numpy

    image = _content(image.convert("RGB"))
    if image is None:
        return ""
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE))
    pixels = numpy.asarray(image)[:, :, ::-1]  # the models know blue first
    result = _engine()(pixels)
    if result.boxes is None or result.txts is None:
        return ""
    found = zip(result.boxes.tolist(), result.txts, strict=True)
    return "\n".join(lines_of([_box(corners, text) for corners, text in found]))


def _box(corners: Sequence[tuple[float, float]], text: str) -> Box:
    across, down = zip(*corners, strict=True)
    return Box(min(down), max(down), min(across), max(across), text)


def _content(image: Any) -> Any | None:
    """Return the part of an image that is not paper; ``None`` where all of it is.

    A few words on a large sheet escape the models.
    """
    box = image.convert("L").point(lambda light: 255 * (light < _PAPER)).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return image.crop(
        (
            max(left - _MARGIN, 0),
            max(top - _MARGIN, 0),
            min(right + _MARGIN, image.width),
            min(bottom + _MARGIN, image.height),
        )
    )


@cache
def _engine() -> Any:
    import rapidocr

    return rapidocr.RapidOCR(params={"Global.log_level": "critical", _THREADS: 1})
