"""Text recognition on images, by rapidocr, whose models lie in its wheel (extra ``ocr``)."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

HINT = "pip install 'knowledge[ocr]' adds text recognition."
OFF_HINT = "--ocr auto turns text recognition on."
MAX_SIDE = 4_000
"""Pixels of an image's longer side; larger ones are scaled down to it."""

_PAPER = 240
_MARGIN = 40
_THREADS = "EngineConfig.onnxruntime.intra_op_num_threads"
"""One thread: files are read by several processes at once."""


def can_read() -> bool:
    """Tell whether the libraries for text recognition are installed."""
    return all(find_spec(name) for name in ("rapidocr", "onnxruntime", "PIL"))


def recognised(image: Any) -> str:
    """Return the text in an image (of Pillow), line by line from top to bottom."""
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
    return "\n".join(_lines(zip(result.boxes.tolist(), result.txts, strict=True)))


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


def _lines(found: Any) -> list[str]:
    """Put boxes that stand beside each other into one line, from left to right."""
    boxes = sorted(
        (min(y for _, y in box), max(y for _, y in box), min(x for x, _ in box), text)
        for box, text in found
    )
    lines: list[list[tuple[float, float, float, str]]] = []
    for box in boxes:
        middle = (box[0] + box[1]) / 2
        if lines and lines[-1][0][0] <= middle <= lines[-1][0][1]:
            lines[-1].append(box)
        else:
            lines.append([box])
    return [" ".join(box[3] for box in sorted(line, key=lambda box: box[2])) for line in lines]


@cache
def _engine() -> Any:
    import rapidocr

    return rapidocr.RapidOCR(params={"Global.log_level": "critical", _THREADS: 1})
