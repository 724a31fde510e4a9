"""Finding the files of a run, and how far ahead that goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.errors import FetchError
from knowledge.ingestion.request import InlineText, Progress, RunRequest
from knowledge.ingestion.run.discovery import Discovery, prefetched
from knowledge.ingestion.run.remote import FailedSource, Listing
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.scan.files import FoundFile
from knowledge.ingestion.scan.patterns import Patterns
from knowledge.ingestion.scan.scan import Scan
from knowledge.model import FileProblem, FileStatus
from tests.conftest import write_files
from tests.ingestion.run.steps import found, stored_file


class Remote:
    """Sources that need no network."""

    def __init__(self, *items: object, pages: int = 0, listed: int = 0) -> None:
        self.pages, self.listed = [None] * pages, [None] * listed
        self._items = items

    def __iter__(self) -> Iterator[object]:
        yield from self._items


def discover(
    request: RunRequest, remotes: Remote | None = None
) -> tuple[list[str], RunStats, list[Progress]]:
    """Return the paths of what is found, the counts, and each progress."""
    progress: list[Progress] = []
    stats = RunStats(progress.append)
    discovery = Discovery(request, Scan(request.paths), remotes or Remote(), stats)  # type: ignore[arg-type]
    paths = [file.shown if isinstance(file, FoundFile) else file.path for file in discovery.files()]
    return paths, stats, progress


def test_texts_that_were_given_come_before_files(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.md": "a", "b.md": "b"})
    request = RunRequest([tmp_path], inline=[InlineText("note.txt", b"words")])
    paths, _, progress = discover(request)
    assert paths == ["note.txt", str(tmp_path / "a.md"), str(tmp_path / "b.md")]
    assert (progress[-1].files_total, progress[-1].scanned) == (3, True)
    assert not progress[0].scanned


def test_problems_of_the_scan_are_counted(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to("nothing")
    paths, stats, progress = discover(RunRequest([tmp_path]))
    assert paths == []
    assert stats.files[FileStatus.FAILED] == 1
    assert (progress[-1].files_done, progress[-1].files_total) == (1, 1)


def test_files_of_repositories_count_once_they_are_listed() -> None:
    listing = Listing(
        [found("https://host/repo/a.md"), stored_file("https://host/repo/b.md")],
        2,
        [FileProblem("https://host/repo/big.bin", "unsupported", "kept elsewhere")],
    )
    request = RunRequest([], remote=["https://host/page", "git+https://host/repo"])
    remotes = Remote(found("https://host/page"), listing, pages=1, listed=1)
    paths, stats, progress = discover(request, remotes)
    assert paths == ["https://host/page", "https://host/repo/a.md", "https://host/repo/b.md"]
    assert stats.files[FileStatus.UNSUPPORTED] == 1
    assert progress[-1].files_total == 4
    assert [one.scanned for one in progress].index(True) > 0, "not before the listing"


def test_a_file_of_a_source_that_cannot_be_fetched_costs_itself() -> None:
    failed = FileProblem("s3://box/a.md", "failed", "access denied")
    listing = Listing(iter([failed, found("s3://box/b.md")]), 2)
    paths, stats, progress = discover(
        RunRequest([], remote=["s3://box"]), Remote(listing, listed=1)
    )
    assert paths == ["s3://box/b.md"]
    assert stats.problems == [failed]
    assert (progress[-1].files_done, progress[-1].files_total) == (1, 2)


def test_a_source_that_cannot_be_fetched_costs_itself_unless_it_is_the_only_one() -> None:
    failed = FailedSource("https://host/page", FetchError("https://host/page: no answer"))
    request = RunRequest([], remote=["https://host/page", "https://host/other"])
    paths, stats, _ = discover(request, Remote(failed, found("https://host/other"), pages=2))
    assert paths == ["https://host/other"]
    assert stats.problems == [FileProblem("https://host/page", "failed", "no answer")]
    with pytest.raises(FetchError, match="no answer"):
        discover(RunRequest([], remote=["https://host/page"]), Remote(failed, pages=1))


def test_items_are_prefetched_in_order_with_what_ends_them() -> None:
    def items() -> Iterator[int]:
        yield from range(1000)
        raise LookupError("the end")

    taken = []
    with pytest.raises(LookupError, match="the end"):
        for item in prefetched(items()):
            taken.append(item)
    assert taken == list(range(1000))


def test_prefetching_ends_with_whoever_takes_the_items() -> None:
    before, going_on = threading.active_count(), threading.Event()

    def endless() -> Iterator[int]:
        number = 0
        while True:
            number += 1
            yield number
            if number > 10:
                going_on.wait(0.001)

    items = prefetched(endless())
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_prefetching_ends_in_the_middle_of_a_look_at_very_many_patterns() -> None:
    looking = threading.Event()

    def items() -> Iterator[int]:
        patterns = Patterns((f"*a?{number}*b" for number in range(3000)), "here")
        yield 1
        while True:  # as one walk does that leaves out whatever it meets
            patterns.verdict("a" * 50)
            patterns.matches("a" * 50)
            looking.set()

    taken = prefetched(items())
    assert next(taken) == 1
    assert looking.wait(120)
    taken.close()  # type: ignore[attr-defined]
    assert "scan" not in [thread.name for thread in threading.enumerate()]
