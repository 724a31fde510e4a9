"""Git repositories: which commit a ref names, and its files.

Refs are asked first, so that a commit which is stored already costs no fetch. A commit is fetched
alone, without history, submodules and large files kept elsewhere (LFS), into a folder that the
caller removes. Links are not made: they could lead out of the repository.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from knowledge.errors import FetchError, PathNotFoundError
from knowledge.ingestion.sources.addresses import Repository
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.git_host import checked_host, without_login
from knowledge.settings.reading import environ_without_secrets, without_password

MOST_FILES = 1_000_000
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{7,63}")
_LINK = "120000"
TICK = 0.05
_NEUTRAL = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.symlinks=false"),
    *("-c", "core.autocrlf=false"),
    *("-c", "submodule.recurse=false"),
    *("-c", "fetch.recurseSubmodules=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "credential.interactive=false"),
    *("-c", "advice.detachedHead=false"),
)
_PROTOCOLS = {"https": "https:ssh", "ssh": "ssh", "file": "file"}
"""What a URL's protocol may turn into: the user's own settings may send HTTPS over SSH."""


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
            The repository cannot be reached.
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
            It cannot be fetched, or is too large.
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


class Git:
    """Runs ``git`` without prompts, hooks and filters, bounded in time and size.

    Parameters
    ----------
    protocol:
        Of the repository's URL: ``https``, ``ssh`` or ``file``.
    seconds:
        For all commands together.
    secret:
        ``(name, value)`` of settings that no other user of the machine may see: they go through
        the environment, since everybody can list the command lines of processes.
    """

    def __init__(
        self, protocol: str, seconds: float, secret: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._environment = {**_environment(protocol), **_as_variables(secret)}
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def run(
        self,
        *arguments: str,
        settings: Sequence[str] = (),
        own_settings_only: bool = False,
        grows: tuple[str, int] | None = None,
    ) -> bytes:
        """Run a command; return what it prints.

        Parameters
        ----------
        settings:
            More ``name=value`` settings.
        own_settings_only:
            Leave out the settings of the user and the machine, which may name programs to run.
        grows:
            A folder that it fills, and the most bytes that may be in it.

        Raises
        ------
        FetchError
            It failed, took too long, fetched too much, or there is no ``git``.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self._start(arguments, settings, own_settings_only, out, err)
            with _ended(process):
                while process.poll() is None:
                    self._check_time()
                    if grows is not None:
                        _check_size(*grows)
                    time.sleep(TICK)
            err.seek(0)
            if process.returncode:
                raise FetchError(_reason(err.read(4096), process.returncode))
            out.seek(0)
            return out.read()

    def lines(self, *arguments: str) -> Iterator[bytes]:
        """Yield the NUL-ended items that a command prints, while it runs.

        Raises
        ------
        FetchError
            It failed or took too long.
        """
        with tempfile.TemporaryFile() as err:
            process = self._start(arguments, (), True, subprocess.PIPE, err)
            assert process.stdout is not None
            with _ended(process), process.stdout as out:
                rest = b""
                while piece := out.read(1 << 16):
                    self._check_time()
                    *items, rest = (rest + piece).split(b"\0")
                    yield from items
                process.wait()
            if process.returncode:
                err.seek(0)
                raise FetchError(_reason(err.read(4096), process.returncode))

    def _start(
        self,
        arguments: Sequence[str],
        settings: Sequence[str],
        own_settings_only: bool,
        out: IO[bytes] | int,
        err: IO[bytes],
    ) -> subprocess.Popen[bytes]:
        environment = dict(self._environment)
        if own_settings_only:
            environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        extra = [part for setting in settings for part in ("-c", setting)]
        try:
            return subprocess.Popen(  # noqa: S603  no shell; URLs and refs stand behind --
                ["git", *_NEUTRAL, *extra, *arguments],  # noqa: S607
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                start_new_session=True,  # so that its helpers can be ended with it
            )
        except FileNotFoundError as error:
            raise FetchError(
                "the program git is not installed", hint="Repositories are read through git."
            ) from error

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise FetchError(f"it took longer than {self._seconds:g} seconds (KNOW_FETCH_TIMEOUT)")


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """See that a process and its helpers end, whatever happens meanwhile."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait()


def _check_size(folder: str, limit: int) -> None:
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # git's own files come and go
                size += os.lstat(os.path.join(path, name)).st_size
    if size > limit:
        raise too_large(limit)


def too_large(limit: int) -> FetchError:
    """Return that a repository is larger than it may be."""
    return FetchError(f"it is larger than {limit >> 20} MiB (KNOW_MAX_REPOSITORY_SIZE)")


def _environment(protocol: str) -> Mapping[str, str]:
    kept = {
        name: value
        for name, value in environ_without_secrets(os.environ).items()
        # A variable such as GIT_DIR, set by a hook that runs us, would lead git elsewhere.
        if not name.startswith("GIT_") or name.startswith(("GIT_SSL", "GIT_SSH", "GIT_HTTP"))
    }
    ssh = kept.get("GIT_SSH_COMMAND", "ssh")
    return {
        **kept,
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS[protocol],
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_SSH_COMMAND": f"{ssh} -oBatchMode=yes -oConnectTimeout=15",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
    }


def _as_variables(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    for number, (name, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _reason(output: bytes, code: int) -> str:
    """Return the line of git's output that says why it failed."""
    lines = without_password(output.decode(errors="replace")).strip().splitlines()
    for line in lines:
        for start in ("fatal: ", "error: ", "ERROR: "):
            if line.startswith(start):
                return f"git: {line.removeprefix(start)}"
    return f"git: {lines[-1]}" if lines else f"git ended with exit code {code}"
