"""Make the fixture of the current format: ``python -m tests.storage.formats.make``.

Do so when a migration is added and released; the fixtures of older formats stay as they are. That
of format 1 was made by the first version itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog import schema
from tests.conftest import CORPUS, write_files

HERE = Path(__file__).parent
_EPOCH = (1980, 1, 1, 0, 0, 0)


def make(target: Path) -> None:
    """Write a data folder with two datasets, of which one was changed once."""
    home = Path(tempfile.gettempdir()) / "handbook"
    data = Path(tempfile.mkdtemp()) / "data"
    settings = Settings.read(environ={}, folder=data.parent, data_dir=str(data))
    try:
        write_files(home, CORPUS)
        with KnowledgeBase(settings) as kb:
            kb.ingest(home, metadata={"team": "support"})
            changed = "# Travel\n\nA night in a hotel may cost 150 euros.\n"
            write_files(home, {"travel.md": changed})
            kb.ingest(home)
            kb.datasets.create("notes", {"owner": "ana"})
            kb.ingest(home / "notes", "notes")
            kb.upkeep.remove_leftovers()
        pack(data, target)
    finally:
        shutil.rmtree(home)
        shutil.rmtree(data.parent)


def pack(folder: Path, target: Path) -> None:
    """Pack a folder; its files keep no time, so that a packed folder is the same each time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())


if __name__ == "__main__":
    os.environ.pop("KNOW_DATA_DIR", None)
    make(HERE / f"v{schema.VERSION}.zip")
