"""An object storage or SFTP server as fsspec reaches it: list a folder, fetch an object.

Credentials, regions and endpoints are what each library finds in the environment and the user's own
files (``AWS_…``, ``AWS_ENDPOINT_URL``, ``~/.aws``; ``GOOGLE_APPLICATION_CREDENTIALS``,
``STORAGE_EMULATOR_HOST``; ``AZURE_STORAGE_…``; ``~/.ssh``; ``FSSPEC_…``). Nothing of the settings
goes to them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from knowledge.documents.options import MIB
from knowledge.errors import FetchError, KnowledgeError, PathNotFoundError
from knowledge.extras import install_command
from knowledge.ingestion.sources.addresses import Objects
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.settings.reading import without_password
from knowledge.text.wording import shortened

AT_ONCE = 8
_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure-storage", "sftp": "sftp"}
_CREDENTIALS = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or "
    "AZURE_STORAGE_CONNECTION_STRING.",
    "sftp": "Keys of ~/.ssh and of ssh-agent are tried, or the user and password of the URL.",
}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"s3": {"max_concurrency": 1}}
"""In one piece: parts that are fetched at the same time may be of two versions."""


class FileSystem(Protocol):
    """What is asked of an fsspec file system."""

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]: ...  # noqa: D102
    def info(self, path: str) -> dict[str, Any]: ...  # noqa: D102
    def get_file(self, rpath: str, lpath: str, callback: Any) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Entry:
    """An object or folder as it is listed.

    Parameters
    ----------
    name:
        The last part of its key.
    mark:
        Another one stands for another content: its ``ETag``, or the time of its last change.
    exact:
        The mark is an ``ETag``; a time may hide a change within its grain.
    mtime_ns:
        When it was last changed; 0 where that is not known.
    """

    name: str
    is_folder: bool
    size: int = 0
    mark: str = ""
    exact: bool = True
    mtime_ns: int = 0


class ObjectStore:
    """The storage of some objects, opened when it is first asked.

    Raises
    ------
    FetchError
        Its library is not installed, or a server is not found or in a private network.
    """

    def __init__(self, objects: Objects, limits: FetchLimits) -> None:
        self.objects = objects
        self._limits = limits
        self.at_once = 1 if objects.protocol == "sftp" else AT_ONCE
        """How many requests it takes at the same time."""
        with self._translated(objects.name):
            self._files = _open(objects, limits)

    def root(self) -> Entry:
        """Return what stands at the address itself: an object, or a folder.

        Raises
        ------
        FetchError, PathNotFoundError
            It cannot be asked for, or nothing is there.
        """
        objects = self.objects
        if objects.is_folder:
            return Entry("", is_folder=True)
        with self._translated(objects.name):
            facts = self._files.info(self._path(""))
        return _entry(facts, objects.path.rpartition("/")[2])

    def listing(self, below: str) -> list[Entry]:
        """Return the objects and folders directly in a folder, in order.

        Parameters
        ----------
        below:
            Its path from the address, ending in ``/``, or empty.

        Raises
        ------
        FetchError, PathNotFoundError
            It cannot be listed.
        """
        path = self._path(below)
        with self._translated(f"{self.objects.name}/{below}".rstrip("/")):
            listed = self._files.ls(path, detail=True)
        start = f"{path.rstrip('/')}/"
        entries = {}
        for facts in listed:
            name = facts["name"].removeprefix(start)
            if facts["type"] == "directory":
                name = name.rstrip("/")
            # The object that stands for the folder itself is no object of it.
            if facts["name"].startswith(start) and name and "/" not in name:
                entries[name, facts["type"]] = _entry(facts, name)
        return [entries[key] for key in sorted(entries)]

    def fetch(self, key: str, entry: Entry, into: str) -> int:
        """Put an object into a file; return its size.

        Parameters
        ----------
        key:
            Its path from the address; empty is the address itself.

        Raises
        ------
        FetchError, PathNotFoundError
            It is too large, or cannot be fetched.
        """
        from fsspec.callbacks import Callback

        shown = f"{self.objects.name}/{key}".rstrip("/")
        check = self._bound(shown)
        check(entry.size, None)
        with self._translated(shown):
            self._files.get_file(self._path(key), into, callback=Callback(hooks={"bound": check}))
            size = os.path.getsize(into)
        check(size, None)
        return size

    def _path(self, below: str) -> str:
        objects = self.objects
        path = "/".join(part for part in (objects.path, below) if part).rstrip("/")
        return f"/{path}" if objects.protocol == "sftp" else f"{objects.host}/{path}".rstrip("/")

    def _bound(self, shown: str) -> Callable[..., None]:
        most = self._limits.file_bytes

        def check(size: int | None, value: int | None, **_: object) -> None:
            if max(size or 0, value or 0) > most:
                raise FetchError(
                    f"{shown}: it is larger than {most / MIB:.0f} MiB (KNOW_MAX_FILE_SIZE)"
                )

        return check

    @contextlib.contextmanager
    def _translated(self, shown: str) -> Iterator[None]:
        """Turn what the libraries raise into our errors, which name what was asked for."""
        try:
            yield
        except KnowledgeError as error:
            if shown not in error.message:
                error.message = f"{shown}: {error.message}"
            raise
        except FileNotFoundError as error:
            raise PathNotFoundError(f"{shown} does not exist", hint="Check the URL.") from error
        except Exception as error:
            # Each library has a tree of errors of its own, and none of them may be imported here.
            raise _fetch_error(shown, self.objects.protocol, error) from error


def _open(objects: Objects, limits: FetchLimits) -> FileSystem:
    protocol = objects.protocol
    try:
        if protocol == "sftp":
            from knowledge.ingestion.sources.sftp import open_sftp

            return open_sftp(objects, limits)
        import fsspec

        options = _OPTIONS.get(protocol, {})
        # Anew for each run: the cached one would not see what changed in the storage.
        opened = fsspec.filesystem(
            protocol, skip_instance_cache=True, use_listings_cache=False, **options
        )
        return cast(FileSystem, opened)
    except ImportError as error:
        raise FetchError(
            f"{protocol}:// needs another package",
            hint=f"Install it: {install_command(_EXTRAS[protocol])}",
        ) from error


def _entry(facts: Mapping[str, Any], name: str) -> Entry:
    if facts["type"] != "file":
        return Entry(name, is_folder=facts["type"] == "directory", exact=False)
    etag = next((facts[key] for key in ("ETag", "etag", "md5Hash") if facts.get(key)), "")
    times = ("LastModified", "last_modified", "updated", "mtime", "created")
    changed = _seconds(next((facts[key] for key in times if facts.get(key)), None))
    return Entry(
        name,
        is_folder=False,
        size=int(facts.get("size") or 0),
        mark=str(etag).strip('"') or f"{changed:.6f}",
        exact=bool(etag),
        mtime_ns=int(changed * 1_000_000_000),
    )


def _seconds(when: Any) -> float:
    if isinstance(when, str):
        with contextlib.suppress(ValueError):
            when = datetime.fromisoformat(when)
    return when.timestamp() if isinstance(when, datetime) else 0.0


def _fetch_error(shown: str, protocol: str, error: Exception) -> FetchError:
    lines = without_password(str(error)).strip().splitlines()
    reason = shortened(lines[0], 300) if lines else type(error).__name__
    words = f"{type(error).__name__} {reason}".lower()
    refused = isinstance(error, PermissionError) or any(
        word in words for word in ("credential", "authentic", "forbidden", "account_name", "denied")
    )
    return FetchError(f"{shown}: {reason}", hint=_CREDENTIALS[protocol] if refused else "")
