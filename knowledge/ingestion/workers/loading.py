"""One file from bytes to passages; runs in the main process or in a worker."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from knowledge.documents.detection import detect
from knowledge.documents.options import MIB, LoadOptions
from knowledge.documents.recipes import Recipe, recipe_for
from knowledge.documents.transformers import Described, Transformer, transform
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import Document, FileProblem, FileStatus, Passage, SplitterSpec
from knowledge.storage.terms import language_of, terms_of

if TYPE_CHECKING:
    from knowledge.documents.loading import Loaded, Source
    from knowledge.embeddings.portable import PortableModel

Announce = Callable[[str], None]
"""Called with the path of each member of a container before something is done with it."""


@dataclass(frozen=True, slots=True)
class LoadTask:
    """A file to be read.

    Parameters
    ----------
    path:
        Opens the file.
    shown:
        Names it in the catalog.
    name:
        Tells its kind; by default the last part of ``shown``.
    splitter:
        How to cut it; ``None`` gives its documents whole.
    max_file:
        Most bytes a file may have.
    options:
        How it is read.
    known_hash:
        SHA-256 of the stored version; a file that still has it is not parsed again.
    content:
        The bytes themselves, when they came from standard input.
    size:
        Bytes that it had when it was found, where that is known.
    recipes:
        How files of some types are read and cut; the first that fits.
    model:
        Embeds the passages in the process that reads them; ``None`` leaves that to the run.
    """

    path: str
    shown: str
    splitter: SplitterSpec | None
    max_file: int
    options: LoadOptions = field(default_factory=LoadOptions)
    known_hash: str | None = None
    content: bytes | None = None
    size: int | None = None
    name: str = ""
    recipes: tuple[Recipe, ...] = ()
    model: PortableModel | None = None

    @property
    def kind_name(self) -> str:
        """The name that tells the file's kind."""
        return self.name or os.path.basename(self.shown)

    def bytes_to_read(self) -> int:
        """Return how many bytes are about to be read; 0 where the file is not there."""
        if self.content is not None:
            return len(self.content)
        if self.size is not None:
            return self.size
        with contextlib.suppress(OSError):
            return os.path.getsize(self.path)
        return 0


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What became of a task.

    ``status`` is ``ingested`` when there are passages or documents, ``unchanged`` when the bytes
    are the known ones, else why there is none, with a ``reason``. ``problems`` are those of a
    container's members, by their paths inside it. ``recipe`` is the one that it was read by, and
    ``images`` are its pages, as PNG, where that recipe asks for them: then nothing is cut yet.
    ``terms`` are the passages' full-text terms, in the language that the file itself tells.
    ``vectors`` are the passages', where the reader has embedded them: float32 of unit length, one
    after the other; ``vector_tokens`` are each one's tokens.
    """

    task: LoadTask
    status: FileStatus
    size: int = 0
    mtime_ns: int = 0
    content_hash: str = ""
    passages: tuple[Passage, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    documents: tuple[Document, ...] = ()
    reason: str = ""
    recipe: Recipe | None = None
    images: tuple[bytes, ...] = field(default=(), repr=False)
    terms: tuple[str, ...] = field(default=(), repr=False)
    vectors: bytes = field(default=b"", repr=False)
    vector_tokens: tuple[int, ...] = field(default=(), repr=False)


def load_file(task: LoadTask, announce: Announce | None = None) -> LoadedFile:
    """Read, parse and split one file; every failure of the file comes back as a status.

    Parameters
    ----------
    announce:
        Called with the path of each member of a container before it is read or cut.
    """
    content = read_content(task)
    if isinstance(content, LoadedFile):
        return content
    data, size, mtime_ns = content
    digest = sha256(data).hexdigest()
    stats: dict[str, Any] = {"size": size, "mtime_ns": mtime_ns, "content_hash": digest}
    if digest == task.known_hash:
        return LoadedFile(task, FileStatus.UNCHANGED, **stats)
    try:
        return _parse(task, data, stats, announce)
    except EmptyDocumentError as error:
        return LoadedFile(task, FileStatus.EMPTY, reason=error.in_full, **stats)
    except UnsupportedDocumentError as error:
        return LoadedFile(task, FileStatus.UNSUPPORTED, reason=error.in_full, **stats)
    except DocumentError as error:
        return LoadedFile(task, FileStatus.FAILED, reason=error.in_full, **stats)
    except MemoryError:
        return LoadedFile(task, FileStatus.FAILED, reason="it needs too much memory", **stats)


def read_content(task: LoadTask) -> tuple[bytes, int, int] | LoadedFile:
    """Return a file's bytes, their number and its modification time, or that it failed."""
    try:
        return _read(task)
    except OSError as error:
        reason = "it vanished during the run" if isinstance(error, FileNotFoundError) else ""
        return failed(task, reason or (error.strerror or str(error)).lower())
    except DocumentError as error:
        return failed(task, error.in_full)


def with_terms(loaded: LoadedFile) -> LoadedFile:
    """Return a loaded file with its passages' full-text terms, which take a while to make."""
    terms = [
        terms_of(language_of(one.metadata, loaded.metadata), one.heading, one.text)
        for one in loaded.passages
    ]
    return replace(loaded, terms=tuple(terms))


def failed(task: LoadTask, reason: str) -> LoadedFile:
    """Return the outcome of a file that could not be read."""
    return LoadedFile(task, FileStatus.FAILED, reason=reason)


def broken(task: LoadTask, error: BaseException) -> LoadedFile:
    """Return the outcome of a file whose reader raised what no reader should."""
    return failed(task, f"its reader failed: {type(error).__name__}: {error}")


def _read(task: LoadTask) -> tuple[bytes, int, int]:
    if task.content is not None:
        return task.content, len(task.content), 0
    with open(task.path, "rb") as file:
        before = os.fstat(file.fileno())
        if before.st_size > task.max_file:
            raise DocumentError(
                f"{before.st_size / MIB:.0f} MiB is more than the limit of "
                f"{task.max_file / MIB:.0f} MiB (KNOW_MAX_FILE_SIZE)"
            )
        data = file.read()
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DocumentError("it changed while it was read; run again")
    return data, before.st_size, before.st_mtime_ns


def _parse(
    task: LoadTask, data: bytes, stats: dict[str, Any], announce: Announce | None
) -> LoadedFile:
    from knowledge.documents.loading import Source, read

    source = Source(data, task.kind_name, task.options, announce=announce)
    recipe = recipe_for(task.recipes, task.kind_name, data)
    if recipe is not None:
        return _parse_by(recipe, task, source, stats)
    loaded = read(source)
    documents = loaded.documents if task.splitter is None else ()
    problems = list(loaded.problems)
    passages: tuple[Passage, ...] = ()
    if task.splitter is not None:
        passages = tuple(_passages(loaded, task.splitter, problems, announce))
    found = bool(passages or documents)
    status, reason = (FileStatus.INGESTED, "") if found else _why_nothing(problems)
    return LoadedFile(
        task,
        status,
        passages=passages,
        metadata=loaded.metadata,
        warnings=tuple(_warnings(loaded)),
        problems=tuple(problems),
        documents=documents,
        reason=reason,
        **stats,
    )


def _parse_by(recipe: Recipe, task: LoadTask, source: Source, stats: dict[str, Any]) -> LoadedFile:
    from knowledge.documents.loading import read

    format_ = recipe.format_of(source.name, source.data)
    options = recipe.options(task.options)
    if recipe.reading.as_images:
        from knowledge.documents.loaders.pdf.page_images import page_images

        images = page_images(source.data, detect(source.name, source.data) or "", options)
        return LoadedFile(task, FileStatus.INGESTED, images=images, recipe=recipe, **stats)
    loaded = read(replace(source, options=options, format=format_ or ""))
    return cut(task, loaded, recipe, stats, source.announce)


def cut(
    task: LoadTask,
    loaded: Loaded,
    recipe: Recipe,
    stats: Mapping[str, Any],
    announce: Announce | None = None,
) -> LoadedFile:
    """Cut what was read by a recipe, and apply its transformers up to the first that asks a model.

    Parameters
    ----------
    stats:
        The fields of `LoadedFile` that are known of the bytes.
    announce:
        Called with the path of each member before it is cut.

    Raises
    ------
    DocumentError
        The text can't be cut, or a transformer does not fit it.
    """
    problems = list(loaded.problems)
    source = {"source": recipe.reading.source} if recipe.reading.source else {}
    shaped = replace(loaded, documents=tuple(map(recipe.shaped, loaded.documents)))
    passages = tuple(_passages(shaped, recipe.splitter, problems, announce))
    described = transform(
        plain_steps(recipe.transformers), Described(passages, {**loaded.metadata, **source})
    )
    status, reason = (FileStatus.INGESTED, "") if described.passages else _why_nothing(problems)
    return LoadedFile(
        task,
        status,
        passages=described.passages,
        metadata=described.metadata,
        warnings=tuple(_warnings(loaded)),
        problems=tuple(problems),
        reason=reason,
        recipe=recipe,
        **stats,
    )


def plain_steps(steps: Sequence[Transformer]) -> Sequence[Transformer]:
    """Return the steps before the first that asks a model."""
    asking = (at for at, step in enumerate(steps) if step.needs_model)
    return steps[: next(asking, len(steps))]


def _passages(
    loaded: Loaded,
    splitter: SplitterSpec,
    problems: list[FileProblem],
    announce: Announce | None,
) -> Iterator[Passage]:
    """Cut all documents of a file; number the passages through.

    A member that can't be cut is noted in ``problems``.
    """
    from knowledge.documents.splitting.splitting import split

    ordinal = 0
    for document in loaded.documents:
        if announce is not None:
            announce(document.member)
        try:
            passages = split(document, splitter)
        except DocumentError as error:
            if not document.member:
                raise
            problems.append(FileProblem(document.member, FileStatus.FAILED, error.in_full))
            continue
        own = {} if document.metadata == loaded.metadata else document.metadata
        for passage in passages:
            if own or passage.ordinal != ordinal:
                passage = replace(passage, ordinal=ordinal, metadata=own)
            yield passage
            ordinal += 1


def _warnings(loaded: Loaded) -> Iterator[str]:
    for document in loaded.documents:
        where = f"{document.member}: " if document.member else ""
        yield from (f"{where}{warning}" for warning in document.warnings)


def _why_nothing(problems: list[FileProblem]) -> tuple[FileStatus, str]:
    """Return why nothing was found: what went wrong with a member counts more than emptiness."""
    for problem in problems:
        if problem.status == FileStatus.FAILED:
            where = f"{problem.file}: " if problem.file else ""
            return FileStatus.FAILED, f"{where}{problem.reason}"
    if problems:
        first = problems[0]
        return FileStatus.EMPTY, f"no text in its members; {first.file}: {first.reason}"
    return FileStatus.EMPTY, "it holds no text"
