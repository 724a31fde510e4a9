"""Patterns, and the law of ``--include`` and ``--exclude``."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.errors import UsageError
from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.scan.patterns import Patterns
from knowledge.ingestion.scan.scan import Scan
from knowledge.retrieval.query import Globs

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


PIECES = [
    *["a", "b", "ab", ".", "*", "**", "***", "?", "/", "**/", "/**", "!", "#", "\\", " ", "]", "-"],
    *["[ab]", "[!a]", "[^b-]", "[]a]", "[a-", "[b-a]", "[.-0]", "[[:alpha:]]", "[[:x:]]", "[\\]]"],
]
RULES = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join), max_size=6)


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("work tree")
    subprocess.run(["git", "init", "-q", root], check=True)
    for top in ("", "a", "b", "a/b", "b/a", "a/b/ab", "ab/a/b/a.b"):
        (root / top).mkdir(parents=True, exist_ok=True)
        for name in ("f", "aa", "ba", "a.a", "#a", "!b", "a ", "a]", "-", "a\\b"):
            (root / top / name).write_text("text")
    return root


def listed_by_git(root):
    command = ["git", "-C", root, "ls-files", "-z", "--others", "--exclude-standard"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    listed = subprocess.run(command, check=True, capture_output=True, env=env).stdout
    return {name for name in listed.decode().split("\0") if name and ".git" not in name}


@pytest.mark.slow
@given(rules=RULES, deeper=RULES)
@settings(deadline=None, max_examples=150)
def test_any_rules_mean_what_they_mean_to_git(work_tree, rules, deeper):
    """Git itself is the judge, over rules that nobody would write."""
    (work_tree / ".gitignore").write_text("\n".join(rules))
    (work_tree / "a/.gitignore").write_text("\n".join(deeper))
    assert taken(work_tree) == listed_by_git(work_tree)


SOURCES = [".knowignore", ".gitignore", ".knowledge.json", "exclude", "include"]
HARD = ["a*" * 20, "*a" * 30 + "b", "?*" * 30 + "b", "**/a*/" * 20 + "b", "[a-z]*" * 30 + "0"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pattern", HARD)
@pytest.mark.parametrize("source", SOURCES)
def test_many_stars_take_no_time(tmp_path, pattern, source):
    for name in ("a" * 60, "a" * 250, "aa/" * 60 + "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / ".git").mkdir()
    told = json.dumps({"metadata": {pattern: {"kind": "k"}}})
    options = {source: [pattern]} if source in ("exclude", "include") else {}
    if not options:
        (tmp_path / source).write_text(told if source.endswith("json") else pattern)
    matched = {"a" * 60, "a" * 250} if pattern == HARD[0] else set()
    everything = {"a" * 60, "a" * 250, "aa/" * 60 + "c"}
    wanted = {".knowledge.json": everything, "include": matched}.get(source, everything - matched)
    assert taken(tmp_path, **options) == wanted


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pattern", HARD)
def test_many_stars_in_a_filter_take_no_time(pattern):
    assert Globs([pattern]).match("/docs/" + "a" * 250) == (pattern == HARD[0])


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
    assert taken(tmp_path) == listed_by_git(tmp_path)
    assert taken(tmp_path, gitignore=False) == set(files)


@pytest.mark.parametrize("line", ["a\\", "a" * 5_000])
def test_a_line_that_is_no_pattern(line):
    with pytest.raises(UsageError, match=r"here: .{,200}$"):
        Patterns([line], "here")


def test_patterns_of_many_lines_are_decided_by_the_last_that_matches():
    """They are looked at in blocks, of which each may have exceptions from those before."""
    lines = [f"no-such-{number:05}" for number in range(3000)]
    patterns = Patterns(["*.md", *lines, "!keep.md", *lines, "/docs/keep.md", *lines], "here")
    assert patterns.verdict("a.md") is True
    assert patterns.verdict("keep.md") is False
    assert patterns.verdict("docs/keep.md") is True
    assert patterns.verdict("a.txt") is None
