"""YAML and JSON files, read within bounds.

A few lines of YAML whose aliases refer to each other can stand for gigabytes, and some thousand
levels of nesting exhaust the stack of any code that walks over them. So all files of both kinds are
bounded here: in bytes, in depth, and in the values that they stand for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from knowledge.files.depth import MAX_DEPTH, TOO_DEEP
from knowledge.text.wording import shortened

MAX_YAML = 1 << 20
"""Maximum bytes of a YAML file; reading them takes some seconds."""
MAX_JSON = 64 << 20
"""Maximum bytes of a JSON file that is not a document."""


class DataError(ValueError):
    """A text is not valid YAML or JSON, or exceeds the bounds; the message is short.

    ``line`` and ``column`` are the position, from 1, if it is known.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(shortened(message))
        self.line = line
        self.column = column


def read_text(path: str | Path, most: int, *, errors: str = "strict") -> str:
    """Return a file's text, without a byte order mark.

    Parameters
    ----------
    most:
        Maximum bytes.

    Raises
    ------
    DataError
        It is larger.
    OSError, UnicodeDecodeError
        It cannot be read, or is not UTF-8.
    """
    with Path(path).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DataError(f"it is larger than {most >> 20} MiB")
    return data.decode("utf-8-sig", errors)


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    DataError
        It is not valid JSON, or nested too deep.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise DataError(TOO_DEEP) from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(str(error)) from error
    _check_depth(value)
    return value


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text; nothing in it can be code.

    Raises
    ------
    DataError
        It is not valid YAML, nested too deep, or stands for too many values.
    """
    import yaml

    from knowledge.files.bounded_yaml import BoundedLoader

    if len(text) > MAX_YAML:
        raise DataError(f"it is larger than {MAX_YAML >> 20} MiB")
    try:
        return yaml.load(text, BoundedLoader)  # noqa: S506  it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context)
        raise DataError(problem, mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as the date 2024-13-45
        raise DataError(" ".join(str(error).split())) from error


def _check_depth(value: Any) -> None:
    """Check the levels of a value iteratively, since recursion could not go as deep."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            below
            for one in level
            for below in (one.values() if isinstance(one, dict) else one)
            if isinstance(below, dict | list)
        ]
        if not level:
            return
    raise DataError(TOO_DEEP)
