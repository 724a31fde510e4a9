"""The bundled model's files, read for one question: only what its words touch.

To open them with the libraries that are made for it takes a tenth of a second, several times as
long as the rest of embedding a question; a process that answers one question feels that. Of the
tokenizer its vocabulary suffices, since its pairs follow from that; the table is one tensor. Files
that are not known are left to the libraries.
"""

from __future__ import annotations

import json
import re
import zlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPACE = "\u2581"
"""What the tokenizer makes of a space; it also puts one before a text."""
_WORD = re.compile(rf"\n+|{SPACE}*[^{SPACE}\n]+|{SPACE}+")

_LONGEST = 100
"""Characters of a word: the time grows with their square."""
_KNOWN = 1_068_455_936
"""CRC-32 of the tokenizer's file in which any two neighbours are joined that make a token, the one
with the lowest number first; runs of spaces last."""
_STANDING_FOR_NO_TEXT = ("<unk>", "<s>", "</s>")
_NEVER = 1 << 30
_TYPES = {"F16": "<f2", "F32": "<f4"}


def words_of(text: str) -> list[str]:
    """Return the words of a text as the tokenizer sees it, each with the spaces before it.

    No token of the vocabulary goes on after a line break, or over a space to the next word.
    """
    return _WORD.findall(SPACE + text.replace(" ", SPACE)) if text else []


def question_tokens(tokenizer: Path, text: str) -> list[int] | None:
    """Return the tokens of a text; ``None`` where the library has to be asked.

    Parameters
    ----------
    tokenizer:
        The bundled tokenizer's JSON; any other is left to the library.
    text:
        A question: to encode it takes time with the square of its longest word.
    """
    words = words_of(text)
    if max(map(len, words), default=0) > _LONGEST:
        return None
    content = tokenizer.read_bytes()
    if zlib.crc32(content) != _KNOWN or any(token in text for token in _STANDING_FOR_NO_TEXT):
        return None
    start = content.index(b'"vocab"')
    start = content.index(b"{", start)
    end = content.rindex(b"}", start, content.index(b'"merges"', start)) + 1
    numbers: dict[str, int] = json.loads(content[start:end])
    return [
        number
        for word in words
        for piece in _merged(list(word), numbers)
        for number in _numbers(piece, numbers)
    ]


def _merged(pieces: list[str], numbers: dict[str, int]) -> list[str]:
    """Join the two that make the token with the lowest rank, the first of equal ones."""
    while len(pieces) > 1:
        joined = [one + other for one, other in pairwise(pieces)]
        rank, at = min((_rank(token, numbers), at) for at, token in enumerate(joined))
        if rank == _NEVER:
            break
        pieces = [*pieces[:at], joined[at], *pieces[at + 2 :]]
    return pieces


def _rank(token: str, numbers: dict[str, int]) -> int:
    number = numbers.get(token, _NEVER)
    return number + len(numbers) if number != _NEVER and not token.strip(SPACE) else number


def _numbers(piece: str, numbers: dict[str, int]) -> list[int]:
    """Return the token of a piece, or those of its bytes."""
    if piece in numbers:
        return [numbers[piece]]
    return [numbers[f"<0x{byte:02X}>"] for byte in piece.encode()]


def table_of(weights: Path, tensor: str) -> NDArray[np.floating[Any]] | None:
    """Return a matrix of a safetensors file as a map of it; ``None`` for one of another kind.

    The format: eight bytes with the length of a header in JSON, then the tensors
    (https://github.com/huggingface/safetensors#format).

    Raises
    ------
    OSError
        It can't be read.
    ValueError
        It is not whole.
    """
    import numpy as np

    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, 1 << 20))
    facts = json.loads(header).get(tensor, {})
    if facts.get("dtype") not in _TYPES or len(facts.get("shape", ())) != 2:
        return None
    start, _ = facts["data_offsets"]
    return np.memmap(
        weights, _TYPES[facts["dtype"]], "r", offset=8 + length + start, shape=tuple(facts["shape"])
    )
