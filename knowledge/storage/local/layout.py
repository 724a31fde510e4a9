"""Where everything lies in the data folder.

catalog.db                      the catalog (SQLite): the truth
embeddings.db                   the embedding cache
locks/<key>.lock, .holder       one write lock a dataset, and who holds it
datasets/<key>/g000007/         the published generation of a dataset's vectors
                                or, where a server keeps them, the list of their points;
                                with columns.int32, which a question left for the next ones
datasets/<key>/candidate/       the next one, while a writer builds it
archives/<hash>/                archives that were asked without importing them
backups/<time>/                 what a repair copied before it changed anything
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from knowledge.files.private import FOLDER, tighten_all
from knowledge.settings.user_folders import user_folder

OURS = ("catalog.db", "embeddings.db", "locks", "datasets", "archives", "backups")
"""What the names of all that lies in a data folder begin with."""
MARK = "elsewhere.json"
"""In the folder of a version whose vectors a server keeps."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder's layout; nothing is created by asking for a path."""

    root: Path

    @classmethod
    def locate(cls, data_dir: str) -> DataFolder:
        """Return the folder at ``data_dir``, or the platform's user data folder when empty."""
        if data_dir:
            return cls(Path(data_dir).expanduser().absolute())
        return cls(user_folder("data"))

    @property
    def catalog(self) -> Path:
        """The catalog's SQLite file."""
        return self.root / "catalog.db"

    @property
    def cache(self) -> Path:
        """The embedding cache's SQLite file."""
        return self.root / "embeddings.db"

    @property
    def archives(self) -> Path:
        """The folder of archives that were unpacked to be asked."""
        return self.root / "archives"

    @property
    def backups(self) -> Path:
        """The folder of copies that repairs made first."""
        return self.root / "backups"

    def lock(self, key: str) -> Path:
        """The write lock of a dataset."""
        return self.root / "locks" / f"{key}.lock"

    def dataset(self, key: str) -> Path:
        """The folder that holds a dataset's generations."""
        return self.root / "datasets" / key

    def generation(self, key: str, number: int) -> Path:
        """The folder of one generation."""
        return self.dataset(key) / f"g{number:06d}"

    def candidate(self, key: str) -> Path:
        """The folder in which the next generation is built."""
        return self.dataset(key) / "candidate"


def open_root(root: Path) -> None:
    """Make a data folder that is its owner's alone, or make one so that others have rights to.

    Raises
    ------
    OSError
        It can't be made.
    """
    if root.is_dir():
        tighten_all(root, OURS)
    else:
        root.mkdir(mode=FOLDER, parents=True, exist_ok=True)
