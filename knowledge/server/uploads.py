"""Files that clients send: streamed into a private folder, one for each request.

They are never run or served from there, and their names are only names: on the disk a file is
called by its number.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import Request

from knowledge.errors import UsageError
from knowledge.requests import IngestRequest
from knowledge.server.arguments import field_types
from knowledge.server.jobs import Upload

MOST_FILES = 1_000
MOST_NAME = 1_024


@dataclass(slots=True)
class Received:
    """What came with one request.

    Parameters
    ----------
    folder:
        Holds the files; whoever takes them removes it.
    fields:
        Of a form, besides its files.
    """

    folder: Path
    files: list[Upload] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)


async def receive(http: Request, base: Path) -> Received:
    """Stream the files of a request into a new private folder below ``base``.

    The body is a form with files, or the file itself, whose name the query has.

    Raises
    ------
    UsageError
        There is no file, or one has no name that fits.
    """
    received = Received(Path(tempfile.mkdtemp(dir=base)))
    try:
        if http.headers.get("content-type", "").startswith("multipart/form-data"):
            await _form(http, received)
        else:
            name = checked_name(http.query_params.get("name", ""))
            path = received.folder / "0"
            await _stream(http.stream(), path)
            received.files.append(Upload(name, path))
        if not received.files:
            raise UsageError("there is no file in the form", hint="Send it as the field `files`.")
    except BaseException:
        shutil.rmtree(received.folder, ignore_errors=True)
        raise
    return received


async def _form(http: Request, received: Received) -> None:
    # What does not fit into memory waits in files that have no name, which nobody else can open.
    async with http.form(max_files=MOST_FILES, max_fields=100) as form:
        for key, value in form.multi_items():
            if not isinstance(value, UploadFile):
                received.fields[key] = _field(key, value)
                continue
            path = received.folder / str(len(received.files))
            name = checked_name(value.filename or "")
            await asyncio.to_thread(_copy, value.file, path)
            received.files.append(Upload(name, path))


def _field(key: str, value: str) -> Any:
    if key not in field_types(IngestRequest):
        raise UsageError(f"there is no field {key[:100]!r}")
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"`{key}` is no JSON: {error}") from error


async def _stream(pieces: AsyncIterator[bytes], path: Path) -> None:
    with path.open("xb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)


def _copy(source: BinaryIO, path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(source, file)


def checked_name(name: str) -> str:
    """Return the name of an upload as the dataset keeps it.

    Raises
    ------
    UsageError
        It is empty, too long, or could be taken for a path of the server's disk.
    """
    plain = name.replace("\\", "/").strip("/")
    parts = plain.split("/")
    if not plain or len(plain) > MOST_NAME or not plain.isprintable():
        raise UsageError("an upload needs a `name`, such as notes.md, of printable characters")
    if name.startswith("/") or ".." in parts or plain == "-":
        raise UsageError(f"{name[:100]!r} can't name an upload: it looks like a path")
    return plain
