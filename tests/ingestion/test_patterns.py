"""Patterns, and the law of ``--include`` and ``--exclude``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.errors import UsageError
from knowledge.ingestion.ignore import IgnoreOptions
from knowledge.ingestion.patterns import Patterns
from knowledge.ingestion.scan import Scan

GLOBS = st.lists(
    st.sampled_from(
        [
            "*.md",
            "docs/",
            "docs/*",
            "docs/**/*.md",
            "/a.md",
            "**/src",
            "#x",
            "!y",
            "c d.*",
            "[ab].*",
        ]
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for top in ("", "docs", "src", "docs/src", "src/docs/deep"):
        (root / top).mkdir(parents=True, exist_ok=True)
        for name in ("a.md", "b.txt", "#x", "!y", "c d.md", "é.md"):
            (root / top / name).write_text("text")
    (root / ".knowignore").write_text("/b.txt\n")
    return root


def taken(root, **options):
    return {os.path.relpath(f.path, root) for f in Scan([root], IgnoreOptions(**options))}


@given(include=GLOBS, exclude=GLOBS)
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_include_narrows_and_exclude_drops(tree, include, exclude):
    """Both select among what the other rules leave, each glob on its own."""
    everything = taken(tree)
    assert "b.txt" not in everything
    named = everything if not include else set().union(*(taken(tree, include=[g]) for g in include))
    kept = everything.intersection(*(taken(tree, exclude=[g]) for g in exclude))
    assert taken(tree, include=include, exclude=exclude) == named & kept
    for glob in include:
        assert taken(tree, include=[glob]) | taken(tree, exclude=[glob]) == everything
        assert not taken(tree, include=[glob]) & taken(tree, exclude=[glob])


@given(st.lists(st.text(alphabet="ab*/!?#\\ .", min_size=1, max_size=6), max_size=5))
@settings(deadline=None, max_examples=100)
def test_one_look_for_all_lines_changes_nothing(lines):
    """The quick look over all lines agrees with pathspec on each path."""
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines(lines)
    except ValueError:
        with pytest.raises(UsageError):
            Patterns(lines, "here")
        return
    patterns = Patterns(lines, "here")
    for path in ("a", "b/", "a/b", "ab/a.b", "a b", "#a", "!b", "a/", "b/a/b"):
        assert patterns.verdict(path) == spec.check_file(path).include, path


def test_gitignore_is_read_as_git_reads_it(tmp_path):
    """`git check-ignore` is the judge."""
    files = ["a.log", "keep.log", "build/x.md", "docs/build/y.md", "docs/a.tmp", "docs/b.md",
             "docs/deep/c.md", "secret.txt", "docs/secret.txt", "x/foo.o", "trailing "]  # fmt: skip
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("text")
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n/build/\n!\n\nx/*\n# no\n")
    (tmp_path / "docs/.gitignore").write_text("*.tmp\n/deep\n!secret.txt\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".git/info/exclude").write_text("secret.txt\n")
    command = ["git", "-C", tmp_path, "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    expected = {name for name in listed if name and not Path(name).name.startswith(".")}
    assert taken(tmp_path) == expected
    assert taken(tmp_path, gitignore=False) == set(files)
