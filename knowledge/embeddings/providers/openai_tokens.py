"""Exact token counts of OpenAI's embedding models, where tiktoken's encoding is on this machine.

tiktoken downloads an encoding that its cache does not have, or has damaged. So it is asked only
when the file is there and whole; nothing is downloaded while a user waits.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiktoken import Encoding

ENCODING = "cl100k_base"
"""Of all embedding models of OpenAI."""
_URL = f"https://openaipublic.blob.core.windows.net/encodings/{ENCODING}.tiktoken"
_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_LONGEST = 100_000
"""Characters of a text that is counted; a single long word of many more takes minutes."""


def count_tokens(text: str) -> int | None:
    """Return the number of a text's tokens; ``None`` where that can't be known, or not quickly."""
    encoding = _encoding()
    if encoding is None or len(text) > _LONGEST:
        return None
    return len(encoding.encode_ordinary(text))


def text_of_tokens(tokens: Sequence[int]) -> str | None:
    """Return the text that token ids stand for; ``None`` where the encoding is not here.

    Raises
    ------
    ValueError
        An id is none of the encoding's.
    """
    encoding = _encoding()
    if encoding is None:
        return None
    try:
        return encoding.decode(list(tokens))
    except (KeyError, OverflowError) as error:
        raise ValueError(f"a token id is none of {ENCODING}") from error


@cache
def _encoding() -> Encoding | None:
    """Load the encoding from tiktoken's cache; ``None`` where it is not there."""
    try:
        content = _cached_file().read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != _SHA256:
        return None
    import tiktoken

    return tiktoken.get_encoding(ENCODING)


def _cached_file() -> Path:
    """Return where tiktoken keeps the encoding."""
    given = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    folder = Path(tempfile.gettempdir(), "data-gym-cache") if given is None else Path(given)
    # With an empty name tiktoken caches nothing, and would download it each time.
    name = hashlib.sha1(_URL.encode(), usedforsecurity=False).hexdigest()
    return folder / name if given != "" else Path(os.devnull)
