"""TAR archives: each member read as a file of its own, in one pass over the stream."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

from knowledge.documents.budget import MAX_MEMBER, PIECE, BoundedStream, BudgetError, Stream
from knowledge.documents.containers import CUT_OFF, Members, is_junk, member_path
from knowledge.documents.loaders.archives.member_names import LEADS_OUT, decoded
from knowledge.documents.loading import Loaded, Source
from knowledge.documents.options import MIB
from knowledge.errors import DocumentError
from knowledge.model import FileStatus
from knowledge.text.cleaning import clean

BLOCK = 512
_DAMAGE = (tarfile.TarError, EOFError, OSError, ValueError)


def load(source: Source) -> Loaded:
    """Read an archive that is not packed; hidden files are left out.

    Raises
    ------
    DocumentError
        It lies too deep in other archives, or nothing of it can be read.
    """
    members = Members(source)
    read_tar(io.BytesIO(source.data), len(source.data), members)
    return members.loaded()


def is_tar(head: bytes) -> bool:
    """Tell whether the first 512 bytes are the header of a TAR member."""
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def read_tar(stream: Stream, packed: int, members: Members) -> None:
    """Read all members of a stream.

    Parameters
    ----------
    stream:
        The archive, unpacked as it is read.
    packed:
        Bytes that it is unpacked from.

    Raises
    ------
    DocumentError
        Nothing of it can be read.
    """
    bounded = BoundedStream(stream, packed, members.budget, float("inf"))
    path = before = ""
    try:
        for archive, info in _infos(bounded):
            path = clean(decoded([info.name.encode("utf-8", "surrogateescape")])[0])
            _read(archive, info, path, members)
            before = path
    except BudgetError as error:
        members.fail(path, error)
    except DocumentError as error:  # the archive as a whole unpacks like a bomb
        members.fail("", error)
    except _DAMAGE as error:
        if not path:
            reason = " ".join(str(error).split())[:200]
            raise DocumentError(f"its TAR structure can't be read: {reason}") from error
        if path != before:
            members.problem(path, FileStatus.FAILED, CUT_OFF)
        members.cut_off(before)


class _Header(tarfile.TarInfo):
    """Tells a missing end from the end, which tarfile does not after the first member."""

    @classmethod
    def fromtarfile(cls, archive: Any) -> Any:
        try:
            return super().fromtarfile(archive)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise EOFError(str(error)) from error


def _infos(stream: BoundedStream) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    opened: Any = tarfile.open
    with opened(fileobj=stream, mode="r|", tarinfo=_Header, bufsize=PIECE) as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # it would keep all headers
            yield archive, info


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo, name: str, members: Members) -> None:
    if info.isdir() or is_junk(name):
        return
    members.budget.take_member()
    path = member_path(name)
    if path is None:
        members.problem(name, FileStatus.FAILED, LEADS_OUT)
    elif info.issym() or info.islnk():
        reason = f"a link to {clean(info.linkname)}, which is not followed"
        members.problem(path, FileStatus.UNSUPPORTED, reason)
    elif not info.isfile():
        members.problem(path, FileStatus.UNSUPPORTED, "not a regular file")
    elif info.size > MAX_MEMBER:
        reason = f"it is larger than {MAX_MEMBER / MIB:,.0f} MiB, the limit"
        members.problem(path, FileStatus.FAILED, reason)
    else:
        if info.issparse():
            members.budget.take_bytes(info.size)  # holes do not pass through the stream
        content = archive.extractfile(info)
        assert content is not None  # it is a regular file
        with content:
            data = content.read()
        if len(data) < info.size:
            raise EOFError("the data ends inside a member")
        members.read(path, data)
