"""Files that clients send: streamed into a private folder, one for each request.

They are never run or served from there, and their names are only names: on the disk a file is
called by its number.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from knowledge.errors import UsageError
from knowledge.server.jobs import Upload

MOST_FILES = 1_000
MOST_FIELDS = 100
MOST_FIELD_BYTES = 2**20
MOST_NAME = 1_024


@dataclass(slots=True)
class Received:
    """What came with one request.

    Parameters
    ----------
    folder:
        Holds the files; whoever takes them removes it.
    fields:
        Of a form, besides its files, as they were sent.
    """

    folder: Path
    files: list[Upload] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


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
            raise UsageError("there is no file in the form", hint="Send one as a field `file`.")
    except BaseException:
        shutil.rmtree(received.folder, ignore_errors=True)
        raise
    return received


async def _form(http: Request, received: Received) -> None:
    _, options = parse_options_header(http.headers["content-type"])
    if not options.get(b"boundary"):
        raise UsageError("the form names no boundary between its parts")
    parts = _Parts(received)
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.headers_end,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
            },
        )
        async for piece in http.stream():
            await asyncio.to_thread(parser.write, piece)
        parser.finalize()
    except FormParserError as error:
        raise UsageError("the form can't be read", hint=str(error)) from error
    finally:
        parts.close()
    if not parts.complete:
        raise UsageError("the form ends within a part")


class _Parts:
    """The parts of a form as they come: files go straight to the disk, fields are short.

    The form is RFC 7578's, without the encodings of parts that it calls obsolete.
    """

    def __init__(self, received: Received) -> None:
        self._received = received
        self._header = [b"", b""]
        self._disposition = b""
        self._name = ""
        self._file: BinaryIO | None = None
        self._value = bytearray()
        self.complete = True

    def begin(self) -> None:
        self.complete = False
        self._header, self._disposition = [b"", b""], b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = [b"", b""]

    def headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise UsageError("a part of the form has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._value = bytearray()
        if b"filename" not in options:
            if len(self._received.fields) >= MOST_FIELDS:
                raise UsageError(f"the form has more than {MOST_FIELDS} fields")
            return
        if len(self._received.files) >= MOST_FILES:
            raise UsageError(f"the form has more than {MOST_FILES:,} files")
        name = checked_name(options[b"filename"].decode("utf-8", "replace"))
        path = self._received.folder / str(len(self._received.files))
        self._file = path.open("xb")
        self._received.files.append(Upload(name, path))

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MOST_FIELD_BYTES:
            raise UsageError(f"`{self._name[:100]}` is longer than {MOST_FIELD_BYTES:,} bytes")

    def end(self) -> None:
        if self._file is None:
            self._received.fields[self._name] = self._value.decode("utf-8", "replace")
        self.close()
        self.complete = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


async def _stream(pieces: AsyncIterator[bytes], path: Path) -> None:
    with path.open("xb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)


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
