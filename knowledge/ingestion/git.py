"""Git repositories: which commit a ref names, and its files.

Refs are asked first, so that a commit which is stored already costs no fetch. A commit is fetched
alone, without history, submodules and large files kept elsewhere (LFS), into a folder that the
caller removes. Links are not made: they could lead out of the repository.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from knowledge.errors import FetchError, PathNotFoundError
from knowledge.ingestion.addresses import Repository
from knowledge.ingestion.git_host import checked_host, without_login
from knowledge.ingestion.git_process import Git, too_large
from knowledge.ingestion.web import FetchLimits

MOST_FILES = 1_000_000
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{7,63}")
_LINK = "120000"


@dataclass(frozen=True, slots=True)
class Tip:
    """The commit that a ref names; ``ref`` is the branch when none was asked for."""

    commit: str
    ref: str


class RemoteRepository:
    """One repository, as ``git`` reaches it.

    Raises
    ------
    FetchError
        Its host may not be asked, or is not found.
    """

    def __init__(self, repository: Repository, limits: FetchLimits) -> None:
        self._repository = repository
        self._limit = limits.repository_bytes
        host = checked_host(repository, limits)
        self._url, login = without_login(host.url)
        self._git = Git(repository.protocol, limits.seconds, login)
        self._settings = host.settings

    def tip(self) -> Tip:
        """Ask which commit is meant.

        Raises
        ------
        FetchError
            The repository can't be asked.
        PathNotFoundError
            It has no such branch, tag or commit.
        """
        ref = self._repository.ref
        if _HASH.fullmatch(ref):
            return Tip(ref, ref)
        patterns = [ref, f"{ref}^{{}}"] if ref and not _SHORT.fullmatch(ref) else []
        asked = ["HEAD"] if not ref else patterns
        listed = self._run("ls-remote", "--symref", "--", self._url, *asked).decode(
            errors="replace"
        )
        lines = [line.split("\t", 1) for line in listed.splitlines() if "\t" in line]
        own = [value.removeprefix("ref: refs/heads/") for value, _ in lines if value[:4] == "ref:"]
        found = {name: value for value, name in lines if _HASH.fullmatch(value)}
        if ref:
            return self._named(found, ref)
        if "HEAD" not in found:
            raise FetchError("the repository is empty")
        return Tip(found["HEAD"], own[0] if own else "HEAD")

    def fetch(self, commit: str, folder: str) -> int:
        """Put the files of a commit into a folder; return when it was made, in seconds.

        Raises
        ------
        FetchError
            It can't be fetched, or is too large.
        """
        self._git.run("init", "--quiet", "--template=", folder, own_settings_only=True)
        inside = ("-C", folder)
        flags = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        try:
            self._run(*inside, "fetch", *flags, "--depth=1", "--", self._url, commit, grows=folder)
        except FetchError as error:
            if "not our ref" not in error.message and "unadvertised" not in error.message:
                raise
            # An old server gives only what its refs name: take all of them.
            every = "+refs/*:refs/fetched/*"
            self._run(*inside, "fetch", *flags, "--", self._url, every, grows=folder)
        dropped = self._check_tree(inside, commit)
        self._git.run(
            *inside, "checkout", "--quiet", "--detach", "--force", commit,
            settings=("filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false"),
            own_settings_only=True,
        )  # fmt: skip
        for path in dropped:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(os.fsencode(folder), path))
        made = self._git.run(*inside, "show", "-s", "--format=%ct", commit, own_settings_only=True)
        return int(made)

    def _run(self, *arguments: str, grows: str | None = None) -> bytes:
        bound = None if grows is None else (grows, self._limit)
        return self._git.run(*arguments, settings=self._settings, grows=bound)

    def _named(self, found: dict[str, str], ref: str) -> Tip:
        for name in (f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}", ref):
            if name in found:
                return Tip(found[name], ref)
        commits = {commit for commit in found.values() if commit.startswith(ref)}
        if len(commits) == 1 and _SHORT.fullmatch(ref):
            return Tip(commits.pop(), ref)
        hint = "`git ls-remote` lists its branches and tags."
        if _SHORT.fullmatch(ref):
            hint = "A commit that no branch or tag names takes all 40 digits of its hash."
        raise PathNotFoundError(
            f"{self._repository.name} has no branch, tag or commit {ref!r}", hint=hint
        )

    def _check_tree(self, inside: tuple[str, str], commit: str) -> list[bytes]:
        """Check what a commit unpacks to, before it is; return the paths of links in it."""
        size = 0
        links = []
        listed = self._git.lines(*inside, "ls-tree", "-r", "-l", "-z", commit)
        for files, item in enumerate(listed, 1):
            facts, _, path = item.partition(b"\t")
            mode, _, _, length = facts.decode().split()
            size += int(length) if length.isdigit() else 0
            if size > self._limit or files > MOST_FILES:
                raise too_large(self._limit)
            if mode == _LINK:
                links.append(path)
        return links


def files_url(repository: str, commit: str) -> str:
    """Return the URL below which the files of a commit stand; one to open where that is known.

    Parameters
    ----------
    repository:
        Its name, as :class:`Repository` has it.
    """
    host = urlsplit(repository).hostname or ""
    if repository.startswith("https://"):
        if host == "github.com":
            return f"{repository}/blob/{commit}"
        if host.startswith("gitlab."):
            return f"{repository}/-/blob/{commit}"
        if host == "bitbucket.org":
            return f"{repository}/src/{commit}"
        if host == "codeberg.org":
            return f"{repository}/src/commit/{commit}"
    return f"{repository}@{commit}"
