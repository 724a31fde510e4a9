"""Properties of ingest: twice is once, and the way to a state does not show in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import FileStatus, IngestReport
from tests.durability import programs
from tests.durability.invariants import check_clean

pytestmark = pytest.mark.slow

Files = dict[str, str]

paths = st.builds(
    lambda folder, name, kind: f"{folder}{name}{kind}",
    st.sampled_from(["", "sub/", "sub/deep/", "Ünï ✓/"]),
    st.sampled_from(["a", "b", "c", "name with spaces", "#1 [x]", "文書"]),
    st.sampled_from([".txt", ".md", ".rst"]),
)
# Few different paragraphs, so that files share them, repeat them and move.
paragraphs = st.sampled_from(
    [
        "An otter swims upstream.",
        "The mill grinds barley and rye.",
        "# A heading",
        "Der Fluss fließt nach Süden.",
        "x",
        "河は南へ流れる。",
        "A line with a\ttab, a \\\\ and a %s.",
    ]
)
texts = st.one_of(
    st.lists(paragraphs, min_size=1, max_size=6).map("\n\n".join),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=200),
)
folders = st.dictionaries(paths, texts, min_size=1, max_size=5)


def write(docs: Path, files: Mapping[str, str]) -> None:
    """Make the folder hold exactly these files; what is the same stays as it is."""
    if docs.exists():
        for path in [path for path in docs.rglob("*") if path.is_file()]:
            name = path.relative_to(docs).as_posix()
            if path.read_text(encoding="utf-8") != files.get(name):
                path.unlink()
    for name, text in files.items():
        if not (docs / name).exists():
            programs.write_text(docs / name, text)


@contextmanager
def workplace() -> Iterator[tuple[Path, Path]]:
    """Give a data folder and a folder for documents."""
    with tempfile.TemporaryDirectory() as home:
        docs = Path(home, "docs").resolve()
        docs.mkdir()
        yield Path(home, "data"), docs


def ingest(data: Path, docs: Path) -> IngestReport:
    with KnowledgeBase.open(data, chunk_size=12, chunk_overlap=0) as kb:
        report = kb.ingest(docs, prune=True)
    assert not report.failed, report.problems
    return report


def content(data: Path) -> list[tuple[str, str]]:
    """Return (path, chunk text) of all chunks, repeats included, after checking everything."""
    state = check_clean(data)
    return sorted((path, row[3]) for path, rows in state.files.items() for row in rows)


@settings(max_examples=8, deadline=None)
@given(files=folders)
def test_a_second_ingest_adds_and_embeds_nothing(files: Files) -> None:
    with workplace() as (data, docs):
        write(docs, files)
        first = ingest(data, docs)
        before = check_clean(data)
        again = ingest(data, docs)
        assert (again.chunks_added, again.chunks_removed, again.embedded) == (0, 0, 0)
        assert again.files[FileStatus.INGESTED] == again.files[FileStatus.REMOVED] == 0
        assert again.files[FileStatus.UNCHANGED] == first.files[FileStatus.INGESTED]
        assert check_clean(data) == before


@settings(max_examples=9, deadline=None)
@given(steps=st.lists(folders, min_size=2, max_size=4), kept=st.booleans())
def test_steps_lead_to_the_same_as_a_fresh_ingest(steps: list[Files], kept: bool) -> None:
    with workplace() as (data, docs):
        state: Files = {}
        for step in steps:
            state = {**state, **step} if kept else step
            write(docs, state)
            ingest(data, docs)
        stepwise = content(data)
        ingest(data.with_name("fresh"), docs)
        assert stepwise == content(data.with_name("fresh"))


@settings(max_examples=7, deadline=None)
@given(files=folders, names=st.permutations(["m0", "m1", "m2", "m3", "m4"]))
def test_moved_files_keep_their_vectors(files: Files, names: list[str]) -> None:
    with workplace() as (data, docs):
        write(docs, files)
        ingest(data, docs)
        before = check_clean(data)
        moved = docs.with_name("moved")
        docs.rename(moved)
        docs.mkdir()
        for name, path in zip(names, sorted(files), strict=False):
            (moved / path).rename(docs / f"{name}{Path(path).suffix}")
        shutil.rmtree(moved)
        report = ingest(data, docs)
        assert (report.chunks_added, report.embedded) == (0, 0)
        after = check_clean(data)
        assert ids(after.files.values()) == ids(before.files.values())
        ingest(data.with_name("fresh"), docs)
        assert content(data) == content(data.with_name("fresh"))


def ids(files: object) -> list[str]:
    return sorted(row[0] for rows in files for row in rows)
