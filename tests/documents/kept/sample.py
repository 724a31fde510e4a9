"""A document that holds one thing which its format may keep."""

from dataclasses import dataclass

RAISED = "raised and lowered text"
STRUCK = "struck text"
SYMBOLS = "signs of symbol fonts"
MERGED = "cells merged downwards"
COMMENTS = "comments"
RUNNING = "headers and footers"
HIDDEN = "hidden text"
BOXES = "checkboxes"


@dataclass(frozen=True)
class Sample:
    """A file, and what its text has where the thing is kept."""

    name: str
    data: bytes
    shown: tuple[str, ...]
