"""Checksums of a published index, without which a damaged one kills whoever searches it.

Chroma's native part trusts the files of its graph: a flipped bit there can end the process. The
checksums are written when an index is published. A file whose size and time are those that were
noted then is taken as whole, which costs nothing; any other, such as one of a restored backup, is
read and compared. `knowledge doctor` reads them all.

Chroma's SQLite file changes whenever the index is opened; SQLite finds its damage itself.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError
from knowledge.files.private import private_files
from knowledge.storage.disk import cant_read
from knowledge.storage.store import REPAIR_INDEX

NAME = "checksums.json"
SQLITE = "chroma.sqlite3"
GRAPH = {".bin", ".pickle"}
"""Endings of the files of the graph."""
PERSISTED = "index_metadata.pickle"
"""Chroma's file beside those of the graph, once it has written them out."""
IDS = "ids.npy"
"""Our file of the ids in the graph and where their vectors stand, so that Chroma's, which takes a
thousand times as long to read, need not be read."""
BLOCK = 1024 * 1024


def write_checksums(folder: Path, *, chromadb: str = "") -> None:
    """Note the files of a closed index; an empty one has none that stay as they are.

    Parameters
    ----------
    chromadb:
        The version that wrote them, where all that the index holds is in them and in ``ids.npy``.
    """
    if not any(folder.rglob(PERSISTED)):
        return
    noted: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        named = path.suffix in GRAPH or (chromadb and path == folder / IDS)
        if named and path.is_file():
            facts = path.stat()
            noted[path.relative_to(folder).as_posix()] = {
                "size": facts.st_size,
                "mtime_ns": facts.st_mtime_ns,
                "crc32": _crc(path),
            }
    if IDS in noted:
        noted[IDS]["chromadb"] = chromadb
    if (folder / NAME).is_dir():
        shutil.rmtree(folder / NAME)
    content = {"files": noted, "crc32": _crc_of(noted)}
    with private_files():
        (folder / NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def check_whole(folder: Path, *, thorough: bool = False) -> None:
    """Compare an index with what was noted of it; one without notes passes.

    Parameters
    ----------
    thorough:
        Read all files, also those whose size and time are as they were.

    Raises
    ------
    DamagedStoreError
        A file is missing, or is not what was published.
    """
    for damage in damaged_files(folder, thorough=thorough):
        raise DamagedStoreError(f"the index {folder} is damaged: {damage}", hint=REPAIR_INDEX)


def damaged_files(folder: Path, *, thorough: bool) -> Iterator[str]:
    """Yield a sentence for each file that is not what was published.

    Raises
    ------
    KnowledgeError
        The rights to one do not let us read it.
    """
    for name, noted in read_checksums(folder).items():
        try:
            facts = (folder / name).stat()
            if facts.st_size != noted["size"]:
                yield f"{name} has {facts.st_size} bytes, not {noted['size']}"
                continue
            as_it_was = not thorough and facts.st_mtime_ns == noted["mtime_ns"]
            if not as_it_was and _crc(folder / name) != noted["crc32"]:
                yield f"{name} is not what was written"
        except FileNotFoundError:
            yield f"{name} is missing"
        except PermissionError as error:
            raise cant_read(folder / name) from error
        except OSError as error:
            yield f"{name} can't be read: {error.strerror}"


def read_checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what was noted of an index; nothing where there are no notes that can be read."""
    try:
        content = json.loads((folder / NAME).read_bytes())
        noted: dict[str, dict[str, Any]] = content["files"]
        return noted if content["crc32"] == _crc_of(noted) else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _crc_of(noted: dict[str, dict[str, Any]]) -> int:
    return zlib.crc32(json.dumps(noted, sort_keys=True).encode())


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc
