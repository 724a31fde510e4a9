"""What a version's folder holds where a server keeps its vectors: a mark, and its points."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError
from knowledge.storage.local.holding import GOING
from knowledge.storage.local.layout import MARK
from knowledge.storage.servers import marks
from knowledge.storage.servers.marks import Listed, Mark
from knowledge.storage.servers.points import Carries, Points, packed, row_type, unpacked
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.storage.servers.connections import Servers

POINTS = "points.npy"
CARRIED, CARRIED_CHECKS = "carried.json", "carried.npy"
"""What points carry beside their vectors; earlier versions pass over both files."""


def read_mark(folder: Path) -> Mark | None:
    """Return the mark in a version's folder; ``None`` where the vectors lie in the folder.

    Raises
    ------
    DamagedStoreError
        It can't be read.
    """
    try:
        told = json.loads((folder / MARK).read_bytes())
        return Mark(**{**told, "collections": tuple(told["collections"])})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedStoreError(f"{folder / MARK} can't be read", hint=REPAIR_INDEX) from error


def write_mark(folder: Path, mark: Mark) -> None:
    """Write a mark into a version's folder."""
    (folder / MARK).write_text(json.dumps(asdict(mark)) + "\n", encoding="utf-8")


def write_points(folder: Path, points: Points) -> int:
    """Write points into a version's folder; return the checksum of the file that lists them."""
    import numpy as np

    names = ("id", "run", "check")
    listed = np.zeros(len(points), [(name, points.rows.dtype[name]) for name in names])
    for name in names:
        listed[name] = points.rows[name]
    if points.carries != Carries():
        checked = np.stack([points.rows["file"], points.rows["sparse"].view("<u4")])
        told = asdict(points.carries) | {"checksum": _write(folder / CARRIED_CHECKS, checked)}
        (folder / CARRIED).write_text(json.dumps(told) + "\n", encoding="utf-8")
    return _write(folder / POINTS, listed)


def read_points(folder: Path, mark: Mark) -> Points:
    """Return the points of a version.

    Raises
    ------
    DamagedStoreError
        The file is not what was written.
    """
    import numpy as np

    listed = _read(folder / POINTS, mark.checksum)
    rows = np.zeros(len(listed), row_type(listed.dtype["id"].itemsize))
    for name in ("id", "run", "check"):
        rows[name] = listed[name]
    rows["sparse"] = np.nan
    try:
        told = json.loads((folder / CARRIED).read_bytes())
        checksum, carries = told.pop("checksum"), Carries(**told)
    except FileNotFoundError:
        return Points(rows)
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise DamagedStoreError(f"{folder / CARRIED} can't be read", hint=REPAIR_INDEX) from error
    checked = _read(folder / CARRIED_CHECKS, checksum)
    rows["file"], rows["sparse"] = checked[0], checked[1].view("<f4")
    return Points(rows, carries)


def retire(folder: Path, servers: Servers) -> None:
    """Retire the version in a folder, if it is one on a server; see :func:`marks.retire`."""
    if (one := _listed(folder)) is not None:
        marks.retire(one, _beside(folder), servers)


def retired(folder: Path, servers: Servers | None) -> bool:
    """Retire a folder as far as that is possible; tell whether it may be removed now."""
    try:
        one = _listed(folder)
        return one is None or marks.retired(one, _beside(folder), servers)
    except DamagedStoreError:
        return False


def strays(folder: Path, servers: Servers) -> list[str]:
    """Return what no version has beside the one in a folder; see :func:`marks.strays`."""
    one = _listed(folder)
    return marks.strays(one, _beside(folder), servers) if one is not None else []


def forget_strays(folder: Path, servers: Servers) -> None:
    """Have the server forget what :func:`strays` returns; raises as that does."""
    if (one := _listed(folder)) is not None:
        marks.forget_strays(one, _beside(folder), servers)


def _listed(folder: Path) -> Listed | None:
    mark = read_mark(folder)
    return Listed(mark, partial(read_points, folder, mark)) if mark is not None else None


def _beside(folder: Path) -> list[Listed]:
    """Return the dataset's other versions and candidates on servers."""
    paths = (p for p in folder.parent.iterdir() if p != folder and not p.name.startswith(GOING))
    return [one for path in paths if (one := _listed(path)) is not None]


def _write(path: Path, rows: NDArray[Any]) -> int:
    content = packed(rows)
    path.write_bytes(content)
    return zlib.crc32(content)


def _read(path: Path, checksum: int) -> NDArray[Any]:
    try:
        return unpacked(path.read_bytes(), checksum)
    except (OSError, ValueError) as error:
        raise DamagedStoreError(f"{path} can't be read: {error}", hint=REPAIR_INDEX) from error
