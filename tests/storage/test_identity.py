"""Chunks and files keep their ids as long as they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import FileStatus, IngestReport, Passage
from knowledge.storage.changes import diff_chunks
from knowledge.storage.identity import identify, new_file_id
from tests.durability import programs
from tests.durability.invariants import Published, check_clean

PARTS = [f"Paragraph {n} tells of the {word}." for n, word in enumerate(programs.WORDS[:8])]


class Folder:
    """A folder, its dataset, and what the last ingest did."""

    def __init__(self, home: Path, kb: KnowledgeBase) -> None:
        self.docs = home / "docs"
        self.docs.mkdir()
        self._data, self._kb = home / "data", kb
        self._age = 10_000.0

    def write(self, name: str, text: str) -> None:
        self._age -= 10  # each version has a time of its own
        programs.write_text(self.docs / name, text, age=self._age)

    def ingest(self, **options: object) -> IngestReport:
        return self._kb.ingest(self.docs, prune=True, **options)

    @property
    def state(self) -> Published:
        return check_clean(self._data)

    def ids(self, name: str) -> list[str]:
        """Return the ids of a file's chunks in order."""
        return [row[0] for row in self.state.files[str(self.docs / name)]]

    def file_id(self, name: str) -> str:
        return str(self._kb.files.get(str(self.docs / name))[0].id)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with KnowledgeBase.open(tmp_path / "data", chunk_size=15, chunk_overlap=0) as kb:
        yield Folder(tmp_path, kb)


def joined(parts: list[str]) -> str:
    return "\n\n".join(parts)


def passage(ordinal: int, text: str, **more: object) -> Passage:
    return Passage(ordinal, text, ordinal * 10, ordinal * 10 + len(text), **more)


def test_repeated_texts_have_ids_of_their_own() -> None:
    chunks = identify("file", [passage(n, text) for n, text in enumerate(["a", "b", "a", "a"])])
    assert len({chunk.id for chunk in chunks}) == 4
    fewer = identify("file", [passage(n, text) for n, text in enumerate(["a", "a"])])
    assert [chunk.id for chunk in fewer] == [chunks[0].id, chunks[2].id]


def test_an_id_holds_file_heading_and_text() -> None:
    plain = identify("file", [passage(0, "text")])[0].id
    assert identify("other", [passage(0, "text")])[0].id != plain
    assert identify("file", [passage(0, "text", heading=("Title",))])[0].id != plain
    assert identify("file", [passage(7, "text")])[0].id == plain


def test_a_path_that_was_taken_over_gives_another_file_id() -> None:
    first = new_file_id("/docs/a.txt", ())
    second = new_file_id("/docs/a.txt", {first})
    assert first != second
    assert new_file_id("/docs/a.txt", {first, second}) not in (first, second)


def test_the_difference_of_two_versions() -> None:
    old = identify("file", [passage(n, text) for n, text in enumerate("abca")])
    new = identify("file", [passage(n, text) for n, text in enumerate("axba")])
    diff = diff_chunks(old, new)
    assert [chunk.passage.text for chunk in diff.added] == ["x"]
    assert [chunk.passage.text for chunk in diff.moved] == ["b"]
    assert diff.removed == [old[2].id]
    assert diff.kept == 3


def test_an_edited_paragraph_embeds_one_chunk(folder: Folder) -> None:
    folder.write("a.txt", joined(PARTS))
    assert folder.ingest().chunks_added == 8
    before = folder.ids("a.txt")
    folder.write("a.txt", joined([*PARTS[:3], "Paragraph 3 was edited by a zephyr.", *PARTS[4:]]))
    report = folder.ingest()
    assert (report.chunks_added, report.chunks_removed, report.embedded) == (1, 1, 1)
    after = folder.ids("a.txt")
    assert [one == other for one, other in zip(before, after, strict=True)].count(False) == 1


@pytest.mark.slow
def test_repeats_come_and_go(folder: Folder) -> None:
    for times in (1, 3, 2, 4, 1):
        folder.write("a.txt", joined([PARTS[0]] * times + [PARTS[1]]))
        folder.ingest()
        assert len(folder.ids("a.txt")) == times + 1


def test_the_same_text_in_two_files_is_two_chunks(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.write("b.txt", PARTS[0])
    report = folder.ingest()
    assert report.chunks_added == 2
    assert folder.ids("a.txt") != folder.ids("b.txt")
    (folder.docs / "a.txt").unlink()
    folder.ingest()
    assert list(folder.state.files) == [str(folder.docs / "b.txt")]


def test_a_moved_file_keeps_its_id_and_its_vectors(folder: Folder) -> None:
    folder.write("a.txt", joined(PARTS))
    folder.ingest()
    file_id, ids = folder.file_id("a.txt"), folder.ids("a.txt")
    (folder.docs / "deep").mkdir()
    (folder.docs / "a.txt").rename(folder.docs / "deep" / "b.txt")
    report = folder.ingest()
    assert (report.embedded, report.chunks_added, report.chunks_removed) == (0, 0, 0)
    assert report.files[FileStatus.REMOVED] == 0
    assert (folder.file_id("deep/b.txt"), folder.ids("deep/b.txt")) == (file_id, ids)
    assert len(folder.state.files) == 1


@pytest.mark.slow
def test_a_file_is_moved_and_a_new_one_takes_its_path(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.ingest()
    first = folder.file_id("a.txt")
    (folder.docs / "a.txt").rename(folder.docs / "b.txt")
    folder.ingest()
    folder.write("a.txt", PARTS[1])
    assert folder.ingest().chunks_added == 1
    assert folder.file_id("b.txt") == first
    assert folder.file_id("a.txt") != first
    assert len(folder.state.files) == 2
    folder.write("a.txt", PARTS[0])  # now both hold the same
    folder.ingest()
    assert len(folder.state.texts) == 2


def test_a_file_is_moved_and_replaced_between_two_runs(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.ingest()
    (folder.docs / "a.txt").rename(folder.docs / "b.txt")
    folder.write("a.txt", PARTS[1])
    folder.ingest()
    texts = {(Path(path).name, text) for path, text in folder.state.texts}
    assert texts == {("a.txt", PARTS[1]), ("b.txt", PARTS[0])}


def test_two_files_swap_their_names(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.write("b.txt", PARTS[1])
    folder.ingest()
    (folder.docs / "a.txt").rename(folder.docs / "c.txt")
    (folder.docs / "b.txt").rename(folder.docs / "a.txt")
    (folder.docs / "c.txt").rename(folder.docs / "b.txt")
    folder.ingest()
    texts = {(Path(path).name, text) for path, text in folder.state.texts}
    assert texts == {("a.txt", PARTS[1]), ("b.txt", PARTS[0])}


def test_copies_of_a_file_that_is_gone(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.ingest()
    file_id = folder.file_id("a.txt")
    (folder.docs / "a.txt").unlink()
    folder.write("b.txt", PARTS[0])
    folder.write("c.txt", PARTS[0])
    report = folder.ingest()
    assert report.chunks_reused == report.chunks_added == 1
    assert file_id in (folder.file_id("b.txt"), folder.file_id("c.txt"))
    assert len(folder.state.texts) == 2


def test_a_moved_file_keeps_what_the_user_said_of_it(folder: Folder) -> None:
    folder.write("a.txt", PARTS[0])
    folder.ingest(metadata={"team": "north"})
    (folder.docs / "a.txt").rename(folder.docs / "b.txt")
    folder.ingest(metadata={"year": "2024"})
    hit = folder._kb.retrieve("paragraph")[0]
    assert hit.name == "b.txt"
    assert (hit.metadata["team"], hit.metadata["year"]) == ("north", "2024")
