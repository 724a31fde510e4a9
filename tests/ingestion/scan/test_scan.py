"""A walk over the paths of a run: what it finds, in which order, and what it says of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from knowledge.errors import PathNotFoundError
from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.scan.places import Places
from knowledge.ingestion.scan.scan import SKIPPED, Scan, check_paths
from tests.conftest import write_files

FILES = {"b.md": "b", "a.md": "a", "sub/c.md": "c", "sub/deep/d.md": "d", "z.md": "z"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_files(tmp_path / "docs", FILES)
    return tmp_path / "docs"


def names(scan: Scan, root: Path) -> list[str]:
    return [os.path.relpath(file.shown, root) for file in scan]


def problems(scan: Scan, root: Path) -> dict[str, tuple[str, str]]:
    return {os.path.relpath(one.file, root): (one.status, one.reason) for one in scan.problems}


def test_files_come_in_the_order_of_their_names(root: Path) -> None:
    scan = Scan([root])
    assert names(scan, root) == ["a.md", "b.md", "sub/c.md", "sub/deep/d.md", "z.md"]
    assert scan.roots == [str(root)]
    assert scan.seen == {str(root / name) for name in FILES}
    assert names(Scan([root], recursive=False), root) == ["a.md", "b.md", "z.md"]


def test_a_file_carries_the_facts_by_which_it_is_known_again(root: Path) -> None:
    (file,) = Scan([root / "a.md"])
    facts = (root / "a.md").stat()
    assert (file.size, file.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    assert file.is_in_place


def test_a_file_that_is_named_twice_is_found_once(root: Path) -> None:
    assert names(Scan([root / "a.md", root, root / "sub"]), root) == sorted(FILES)


def test_only_some_places_are_looked_at(root: Path) -> None:
    for places, expected in (
        ({"sub"}, ["sub/c.md", "sub/deep/d.md"]),
        ({"sub/deep/d.md", "z.md"}, ["sub/deep/d.md", "z.md"]),
        ({"gone.md"}, []),
    ):
        only = Places(str(root / place) for place in places)
        assert names(Scan([root], only=only), root) == expected


def test_a_copy_is_shown_under_its_address(root: Path) -> None:
    scan = Scan([root], address="https://host/repo")
    assert "https://host/repo/sub/c.md" in [file.shown for file in scan]


def test_the_data_folder_is_left_out(root: Path) -> None:
    scan = Scan([root], skipped=root / "sub")
    assert names(scan, root) == ["a.md", "b.md", "z.md"]
    scan = Scan([root / "sub"], skipped=root / "sub")
    assert names(scan, root) == []
    assert problems(scan, root) == {"sub": ("notice", SKIPPED)}


def test_what_a_link_to_nothing_and_a_pipe_are_reported_as(root: Path) -> None:
    (root / "link.md").symlink_to("nothing.md")
    os.mkfifo(root / "pipe.md")
    scan = Scan([root])
    assert names(scan, root) == sorted(FILES)
    assert problems(scan, root) == {
        "link.md": ("failed", "a link to nothing"),
        "pipe.md": ("unsupported", "not a regular file"),
    }
    scan = Scan([root / "pipe.md"])
    assert names(scan, root) == []
    assert problems(scan, root)["pipe.md"][0] == "failed"


def test_links_are_followed_unless_they_may_not_be(root: Path, tmp_path: Path) -> None:
    write_files(tmp_path / "other", {"e.md": "e"})
    (root / "other").symlink_to(tmp_path / "other")
    assert "other/e.md" in names(Scan([root]), root)
    assert names(Scan([root], IgnoreOptions(follow_links=False)), root) == sorted(FILES)


def test_a_folder_that_cannot_be_read_makes_a_walk_incomplete(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    scan = Scan([root, root / "a.md"])
    assert names(scan, root) == ["a.md", "b.md", "sub/c.md", "z.md"]
    assert scan.roots == [], "what is gone of it is not known"
    assert problems(scan, root) == {"sub/deep": ("failed", "permission denied")}


def test_what_folders_say_of_their_files(root: Path) -> None:
    write_files(
        root,
        {
            ".knowledge.json": '{"metadata": {"*.md": {"kind": "note"}, "sub/c.md": {"by": "A"}}}',
            "sub/.knowledge.json": '{"metadata": {"c.md": {"kind": null, "year": 2026}}}',
        },
    )
    found = {os.path.relpath(file.shown, root): file.folder_metadata for file in Scan([root])}
    assert found["a.md"] == {"kind": "note"}
    assert found["sub/c.md"] == {"by": "A", "year": 2026}
    assert found["sub/deep/d.md"] == {"kind": "note"}


def test_a_sidecar_that_is_malformed_leaves_what_was_known(root: Path) -> None:
    write_files(root, {"sub/.knowledge.json": "{"})
    scan = Scan([root])
    found = {os.path.relpath(file.shown, root): file.folder_metadata for file in scan}
    assert found == {"a.md": {}, "b.md": {}, "z.md": {}, "sub/c.md": None, "sub/deep/d.md": None}
    assert problems(scan, root)["sub/.knowledge.json"][0] == "failed"


def test_paths_are_checked_before_anything_is_done(root: Path) -> None:
    check_paths([root, root / "a.md"])
    with pytest.raises(PathNotFoundError, match=r"nowhere does not exist"):
        check_paths([root, root / "nowhere"])
