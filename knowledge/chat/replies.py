"""Reading what a chat model says: text, or an object that must have a certain shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_THOUGHTS = re.compile(r"\A\s*<think>.*?(</think>|\Z)", re.DOTALL)
_OPENING = "<think>"
_CLOSING = "</think>"


class UnusableReplyError(ValueError):
    """The reply is not what was asked for; the message completes "the reply ..."."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chat model says.

    Parameters
    ----------
    cut_off:
        True when the answer ended at the limit of its length.
    """

    text: str
    cut_off: bool = False


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return an answer, without the thoughts that some models put before it.

    Raises
    ------
    UnusableReplyError
        It holds none.
    """
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UnusableReplyError("holds no message")
    if refusal := message.get("refusal"):
        raise UnusableReplyError(f"is a refusal: {refusal}")
    text = _THOUGHTS.sub("", _plain(message.get("content"))).strip()
    if not text:
        reason = choice.get("finish_reason")
        raise UnusableReplyError(f"holds no text (finish_reason {reason})")
    return Answer(text, choice.get("finish_reason") == "length")


def _plain(content: Any) -> str:
    """Return content that is a text, or a list of parts of which some are."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text without thoughts and white space at its beginning."""
    held, answering = "", False
    for piece in pieces:
        if answering:
            yield piece
            continue
        held += piece
        rest = _after_thoughts(held)
        if rest:
            answering = True
            yield rest
    if not answering and not held.lstrip().startswith(_OPENING) and held.strip():
        yield held


def _after_thoughts(text: str) -> str:
    """Return what follows the thoughts; nothing while they may still go on, or begin."""
    start = text.lstrip()
    if start.startswith(_OPENING):
        return start.partition(_CLOSING)[2].lstrip()
    return "" if _OPENING.startswith(start) else start


def object_of(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read a reply as an object of a schema; words or a code fence around it do no harm.

    Raises
    ------
    UnusableReplyError
        There is no object, or it does not fit.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    found = _first_object(text)
    try:
        error = best_match(Draft202012Validator(dict(schema)).iter_errors(found))
    except RecursionError:
        raise UnusableReplyError("is nested too deeply") from None
    if error is not None:
        raise UnusableReplyError(f"does not fit the schema at {error.json_path}: {error.message}")
    return found


def _first_object(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    problem = "there is no {"
    for brace in re.finditer(r"\{", text):
        try:
            found, _ = decoder.raw_decode(text, brace.start())
        except RecursionError:
            problem = "it is nested too deeply"
            break
        except ValueError as error:
            problem = str(error)
            continue
        if isinstance(found, dict):
            return found
    raise UnusableReplyError(f"holds no JSON object: {problem}")
