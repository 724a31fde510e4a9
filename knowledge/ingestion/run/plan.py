"""Decide for each found file whether it must be read, by what is stored of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.recipes import fingerprint
from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.changes import Sink, Touch
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.scan.files import ON_UNIX, FoundFile
from knowledge.ingestion.stored import Stored, has_recipe
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import FileStatus, Metadata, SourceFile, SplitterSpec
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.embeddings.portable import PortableModel
    from knowledge.storage.store import FileState

CTIME = "ctime_ns"
"""Under which a file that was compared by content is remembered, by its status's time."""
RACY = timedelta(seconds=2)
_RACY_NS = 2_000_000_000
_COUNTED_TOGETHER = 1_000


class Planner:
    """Turns found files into tasks for the crew; what is unchanged goes no further.

    Parameters
    ----------
    model:
        Embeds new files in the processes that read them; ``None`` leaves that to the run.
    """

    def __init__(
        self,
        request: RunRequest,
        stored: Stored,
        splitter: SplitterSpec,
        settings: Settings,
        stats: RunStats,
        sink: Sink,
        model: PortableModel | None = None,
    ) -> None:
        self._request = request
        self._stored = stored
        self._splitter = splitter
        self._max_file = settings["max_file_size"] * MIB
        self._options = LoadOptions.from_settings(settings, request.passwords)
        self._recipe = fingerprint(request.recipes)
        self._stats = stats
        self._sink = sink
        self._model = model
        self._planned: dict[str, Planned] = {}

    def tasks(self, files: Iterable[FoundFile | SourceFile]) -> Iterator[LoadTask]:
        """Yield a task for each file that must be read.

        Parameters
        ----------
        files:
            What was found; a stored file among them is known to be unchanged.
        """
        for file in files:
            if isinstance(file, SourceFile):
                self._unchanged(file, None)
                continue
            stored = self._stored_as(file)
            if stored and self._stays(stored) and is_unchanged(file, stored):
                self._unchanged(stored, file.folder_metadata)
            else:
                yield self._task(file, stored)

    def unchanged(self) -> Unchanged | None:
        """Return what takes files out of a walk that need no further look; ``None`` for none."""
        request, stats = self._request, self._stats
        if request.force or request.metadata or self._recipe or stats.on_file is not None:
            return None
        return Unchanged(self._stored.states, stats)

    def planned(self, loaded: LoadedFile) -> Planned:
        """Return, once, what a loaded file was planned as."""
        return self._planned.pop(loaded.task.shown)

    def _stored_as(self, file: FoundFile) -> SourceFile | None:
        by_origin = file.origin.known if file.origin else None
        return by_origin or self._stored.at(file.shown)

    def _stays(self, stored: SourceFile) -> bool:
        """Tell whether a stored file may stay as it is, unless its bytes have changed."""
        return not self._request.force and has_recipe(stored, self._recipe)

    def _unchanged(self, stored: SourceFile, folder: Metadata | None) -> None:
        file = described(stored, folder, self._request.metadata)
        if file != stored:
            self._sink.send(Touch(file))
        self._stats.finished(file.path, FileStatus.UNCHANGED, reused=file.chunks)

    def _task(self, file: FoundFile, stored: SourceFile | None) -> LoadTask:
        self._planned[file.shown] = Planned(file, stored, self._recipe)
        return LoadTask(
            file.path,
            file.shown,
            self._splitter,
            max_file=self._max_file,
            options=self._options,
            known_hash=stored.content_hash if stored and self._stays(stored) else None,
            content=file.content,
            size=file.size,
            name=file.origin.load_as if file.origin else "",
            recipes=tuple(self._request.recipes),
            model=self._model_for(stored),
        )

    def _model_for(self, stored: SourceFile | None) -> PortableModel | None:
        """Return what embeds where the file is read; of a known one few chunks may be new."""
        return self._model if stored is None or self._request.force else None


class Unchanged:
    """Tells a walk of files that size and times prove to be the stored ones, and counts them.

    Says of most files what :func:`is_unchanged` would, with no object for each of them. What is
    left to that: files that were given metadata, or of which more is remembered than a time.

    Parameters
    ----------
    states:
        Of the stored files, as ``Snapshot.file_states`` gives them.
    """

    def __init__(self, states: Iterable[FileState], stats: RunStats) -> None:
        self._stats = stats
        self._files = self._chunks = 0
        seconds: dict[str, int] = {}  # a run stores many files in one second
        self._known: dict[str, tuple[int, int, int, int, int]] = {}
        for path, size, mtime_ns, ingested_at, chunks, given, remembered in states:
            known_ctime = 0
            if remembered is not None:
                facts = json.loads(remembered)
                known_ctime = facts.pop(CTIME, 0)
                if facts:
                    continue
            second = ingested_at[:19]
            ingested = seconds.get(second)
            if ingested is None:
                ingested = seconds[second] = _nanoseconds(ingested_at)
            if given == "{}" and mtime_ns + _RACY_NS < ingested:
                self._known[path] = (size, mtime_ns, ingested, known_ctime, chunks)
        for path in stats.watched:
            self._known.pop(path, None)

    def take(self, path: str, facts: os.stat_result) -> bool:
        """Tell whether the file at a path is the stored one; then it is counted."""
        known = self._known.get(path)
        if known is None:
            return False
        size, mtime_ns, ingested, known_ctime, chunks = known
        if facts.st_size != size or facts.st_mtime_ns != mtime_ns:
            return False
        if ON_UNIX and facts.st_ctime_ns > ingested and facts.st_ctime_ns != known_ctime:
            return False
        self._files += 1
        self._chunks += chunks
        if self._files >= _COUNTED_TOGETHER:
            self.count()
        return True

    def count(self) -> None:
        """Add what was taken since the last call to the counts of the run."""
        self._stats.unchanged(self._files, self._chunks)
        self._files = self._chunks = 0


def _nanoseconds(time: str) -> int:
    """Return the nanoseconds since the epoch at the beginning of a time's second."""
    return int(datetime.fromisoformat(time).timestamp()) * 1_000_000_000


def is_unchanged(file: FoundFile, stored: SourceFile) -> bool:
    """Tell whether size and times prove that a file is the stored one.

    A file changed within the clock's grain of our reading it could have the same time; such a
    file is compared by its content. So is one about which the system changed something since:
    its modification time may have been put back. Of a file from elsewhere its source knows.
    """
    if not file.is_in_place:
        return file.origin is not None and file.origin.unchanged
    if (file.size, file.mtime_ns) != (stored.size, stored.mtime_ns):
        return False
    if is_touched(file, stored):
        return False
    modified = datetime.fromtimestamp(file.mtime_ns / 1e9, tz=stored.ingested_at.tzinfo)
    return modified + RACY < stored.ingested_at


def is_touched(file: FoundFile, stored: SourceFile) -> bool:
    """Tell whether a file's status changed after it was ingested, or last compared."""
    if file.ctime_ns == stored.remembered.get(CTIME):
        return False
    changed = datetime.fromtimestamp(file.ctime_ns / 1e9, tz=stored.ingested_at.tzinfo)
    return changed > stored.ingested_at


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that is read, beside the stored file that it is, if any."""

    file: FoundFile
    known: SourceFile | None = None
    recipe: str = ""
    """Fingerprint of the recipes of the run."""

    def facts(self, given: Metadata, own: Metadata, mtime_ns: int) -> dict[str, Any]:
        """Return the fields of a :class:`SourceFile` that where it was found has a say in.

        Parameters
        ----------
        given:
            Metadata that the run gives to every file.
        own:
            Metadata of the file itself.
        mtime_ns:
            Its modification time, where its source has none.
        """
        file, origin = self.file, self.file.origin
        all_given, flags = given_metadata(self.known, file.folder_metadata, {**given, **file.given})
        return {
            "path": file.shown,
            "name": origin.name if origin else PurePath(file.shown).name,
            "mtime_ns": (origin.mtime_ns if origin else 0) or mtime_ns,
            "metadata": {**own, **(origin.metadata if origin else {})},
            "given": all_given,
            "remembered": {
                **(origin.remembered if origin else {}),
                **flags,
                **({"recipe": self.recipe} if self.recipe else {}),
            },
        }


def given_metadata(
    known: SourceFile | None, folder: Metadata | None, metadata: Metadata
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the user's metadata for a file, and what must be remembered of it.

    Parameters
    ----------
    folder:
        What ``.knowledge.json`` files say, all of it; ``None`` keeps what they said before.
    metadata:
        What the run gives to every file, on top of what earlier runs gave.
    """
    before = known.given if known else {}
    old_flags = known.remembered.get("flags") if known else None
    flags = {**(before if old_flags is None else old_flags), **metadata}
    if folder is None:
        return {**before, **metadata}, {} if old_flags is None else {"flags": flags}
    return {**folder, **flags}, {"flags": flags} if folder else {}


def described(stored: SourceFile, folder: Metadata | None, metadata: Metadata) -> SourceFile:
    """Return an unchanged file with the metadata that the user gives it now."""
    given, flags = given_metadata(stored, folder, metadata)
    kept = {key: value for key, value in stored.remembered.items() if key != "flags"}
    remembered = {**kept, **flags}
    if given == stored.given and remembered == stored.remembered:
        return stored
    return replace(stored, given=given, remembered=remembered)
