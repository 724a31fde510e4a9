"""All steps of a run together, with a crew of threads."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import KnowledgeError
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.session import ingest
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import FileStatus, IngestReport
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.store import LocalStore
from tests.conftest import write_files
from tests.durability.invariants import check_clean
from tests.ingestion.run.steps import settings
from tests.ingestion.thread_crew import ThreadCrew

FILES = {f"{n}.md": f"# File {n}\n\nA sentence of it." for n in range(5)}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    write_files(tmp_path / "docs", FILES)
    return tmp_path / "docs"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(data: Path, docs: Path, crew: Any = None, **options: Any) -> IngestReport:
    return ingest(
        LocalStore(DataFolder(data)),
        "default",
        RunRequest([docs], **options),
        settings(data.parent),
        create=True,
        notify=lambda _: None,
        crew=crew or ThreadCrew(2),
    )


def counts(report: IngestReport) -> dict[str, int]:
    return {str(status): count for status, count in report.files.items() if count}


def test_every_file_ends_as_something(data: Path, docs: Path) -> None:
    write_files(docs, {"empty.txt": "", "broken.pdf": b"%PDF-1.4 cut", "data.bin": bytes(256)})
    assert counts(run(data, docs)) == {
        "ingested": 5,
        "empty": 1,
        "failed": 1,
        "unsupported": 1,
    }
    (docs / "0.md").unlink()
    write_files(docs, {"1.md": "Another text."})
    assert counts(run(data, docs, prune=True)) == {
        "ingested": 1,
        "unchanged": 3,
        "removed": 1,
        "empty": 1,
        "failed": 1,
        "unsupported": 1,
    }
    assert len(check_clean(data).files) == 4


def test_a_dry_run_counts_what_a_run_does_and_writes_nothing(data: Path, docs: Path) -> None:
    dry = run(data, docs, dry_run=True)
    assert not data.exists()
    done = run(data, docs)
    assert (dry.files, dry.chunks_added, dry.embedded) == (
        done.files,
        done.chunks_added,
        done.embedded,
    )
    (docs / "0.md").unlink()
    write_files(docs, {"1.md": "Another text."})
    dry, before = run(data, docs, dry_run=True, prune=True), check_clean(data)
    done = run(data, docs, prune=True)
    assert check_clean(data).generation == before.generation + 1
    assert (dry.files, dry.chunks_added, dry.chunks_removed, dry.chunks_reused) == (
        done.files,
        done.chunks_added,
        done.chunks_removed,
        done.chunks_reused,
    )


class BreakingCrew:
    """Ends with an error after some files."""

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield three results, then raise."""
        results = ThreadCrew(1).load_files(tasks)
        for _ in range(3):
            yield next(results)
        raise KnowledgeError("the cluster is gone")


def test_a_crew_that_is_lost_ends_the_run_with_what_is_complete(data: Path, docs: Path) -> None:
    run(data, docs / "0.md")
    write_files(docs, {name: f"{text} More of it." for name, text in FILES.items()})
    with pytest.raises(KnowledgeError, match="the cluster is gone"):
        run(data, docs, BreakingCrew())
    check_clean(data)
    report = run(data, docs)
    assert counts(report)["ingested"] + counts(report).get("unchanged", 0) == len(FILES)
    assert len(check_clean(data).files) == len(FILES)


def test_files_report_their_end_once(data: Path, docs: Path) -> None:
    ends: list[tuple[str, FileStatus]] = []
    ingest(
        LocalStore(DataFolder(data)),
        "default",
        RunRequest([docs]),
        settings(data.parent),
        create=True,
        notify=lambda _: None,
        on_file=lambda file, status: ends.append((file, status)),
        crew=ThreadCrew(2),
    )
    assert sorted(ends) == [(str(docs / name), FileStatus.INGESTED) for name in sorted(FILES)]
