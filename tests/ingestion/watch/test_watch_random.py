"""Whatever happens to the files, a watch ends in the state that a fresh ingest gives."""

from __future__ import annotations

import contextlib
import random
import shutil
import threading
import time
from pathlib import Path

import pytest

from knowledge import KnowledgeBase
from tests.ingestion.watch.watching import fresh, held

OPERATIONS = 400
SECONDS = 8.0
SOON = 60.0
"""Seconds after the last operation; on an idle machine it takes two."""


class Follower(threading.Thread):
    """Watches a folder in a thread of its own until it is stopped."""

    def __init__(self, folder: Path, data: Path) -> None:
        super().__init__(daemon=True)
        self.ready = threading.Event()
        self.stop = threading.Event()
        self.kinds: list[str] = []
        self.error: BaseException | None = None
        self._folder, self._data = folder, data

    def run(self) -> None:
        try:
            with KnowledgeBase.open(self._data) as kb:
                with contextlib.closing(kb.watch(self._folder)) as events:
                    for event in events:
                        self.kinds.append(event.kind.value)
                        if event.kind == "ready":
                            self.ready.set()
                        if self.stop.is_set():
                            return
        except BaseException as error:
            self.error = error
            self.ready.set()


class Chaos:
    """One random change after the other."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.number = 0

    def step(self) -> None:
        """Change something."""
        kinds = {
            self.write: 6,
            self.append: 3,
            self.replace: 3,
            self.delete: 3,
            self.rename: 3,
            self.empty: 1,
            self.touch: 1,
            self.temporary: 2,
            self.make_folder: 1,
            self.move_folder: 1,
            self.delete_folder: 1,
        }
        (kind,) = self.chance.choices([*kinds], [*kinds.values()])
        kind()

    def write(self) -> None:
        self.new_path().write_text(self.text())

    def append(self) -> None:
        if path := self.some(self.files()):
            with path.open("a") as file:
                file.write(f"\n\n{self.text()}")

    def replace(self) -> None:
        if path := self.some(self.files()):
            new = path.with_name(f".{path.name}.new")
            new.write_text(self.text())
            new.replace(path)

    def delete(self) -> None:
        if path := self.some(self.files()):
            path.unlink()

    def rename(self) -> None:
        if path := self.some(self.files()):
            path.rename(self.new_path() if self.chance.random() < 0.7 else self.some(self.files()))

    def empty(self) -> None:
        if path := self.some(self.files()):
            path.write_text("")

    def touch(self) -> None:
        if path := self.some(self.files()):
            path.touch()

    def temporary(self) -> None:
        path = self.new_path()
        path.write_text(self.text())
        path.unlink()

    def make_folder(self) -> None:
        folder = self.some(self.folders()) / f"folder{self.count()}" / "deep"
        folder.mkdir(parents=True)
        (folder / "first.md").write_text(self.text())

    def move_folder(self) -> None:
        folder = self.some([one for one in self.folders() if one != self.folder])
        if folder:
            places = [one for one in self.folders() if folder not in (one, *one.parents)]
            folder.rename(self.some(places) / f"moved{self.count()}")

    def delete_folder(self) -> None:
        folder = self.some([one for one in self.folders() if one != self.folder])
        if folder and self.chance.random() < 0.5:
            shutil.rmtree(folder)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def folders(self) -> list[Path]:
        return sorted([self.folder, *(path for path in self.folder.rglob("*") if path.is_dir())])

    def some(self, paths: list[Path]) -> Path | None:
        return self.chance.choice(paths) if paths else None

    def new_path(self) -> Path:
        ending = self.chance.choice([".md", ".txt"])
        return self.some(self.folders()) / f"file{self.count()}{ending}"

    def count(self) -> int:
        self.number += 1
        return self.number

    def text(self) -> str:
        words = [
            self.chance.choice("amber birch cedar delta ember fjord".split()) for _ in "123456"
        ]
        return f"Note {self.count()}: {' '.join(words)}.\n"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_hundreds_of_changes_end_as_a_fresh_ingest(tmp_path, data_dir, seed):
    folder = tmp_path / "folder"
    folder.mkdir()
    chaos = Chaos(folder, seed)
    for _ in range(20):
        chaos.write()
    follower = Follower(folder, data_dir)
    follower.start()
    assert follower.ready.wait(SOON)
    assert follower.error is None
    begin = time.monotonic()
    for number in range(OPERATIONS):
        chaos.step()
        pause = begin + (number + 1) * SECONDS / OPERATIONS - time.monotonic()
        if pause > 0 and chaos.chance.random() < 0.2:  # bursts, with quiet between them
            time.sleep(pause)

    wanted = fresh(folder, tmp_path / "fresh")
    with KnowledgeBase.open(data_dir) as kb:
        deadline = time.monotonic() + SOON
        while held(kb) != wanted and time.monotonic() < deadline:
            assert follower.error is None
            time.sleep(0.2)
        assert held(kb) == wanted
        check_index(kb)
    follower.stop.set()
    (folder / "the-end.md").write_text("The end.\n")
    follower.join(SOON)
    assert follower.error is None
    assert not follower.is_alive()
    assert set(follower.kinds) == {"burst", "ready"}


def check_index(kb: KnowledgeBase) -> None:
    """Fail when the index does not hold one vector for each chunk."""
    chunks = sum(len(texts) for texts in held(kb).values())
    assert kb.datasets.get("default").chunks == chunks
    assert len(kb.retrieve("note", top_k=1_000, mode="dense")) == min(chunks, 1_000)
