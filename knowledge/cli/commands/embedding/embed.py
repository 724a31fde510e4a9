"""``knowledge embed``."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.settings import EmbeddingOptions, ModelOptions
from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.terminal import binary_output, write
from knowledge.cli.session import Exit, Session
from knowledge.errors import PathNotFoundError, SomeFilesFailedError, UsageError
from knowledge.records import models as records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.errors import RemoteError
    from knowledge.knowledge_base import KnowledgeBase

    Pairs = Iterable[tuple[str, NDArray[np.float32]]]

_FORMATS = ("jsonl", "npy")


def embed(
    session: Session,
    *,
    texts: Annotated[
        list[str] | None, Argument(metavar="[TEXT...]", help="Texts; - is stdin.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        Flag("--file", "-f", help="File of texts, one per line; - is stdin.", metavar="FILE"),
    ] = None,
    whole: Annotated[
        bool, Flag("--whole", help="Treat each file, and stdin, as one text.")
    ] = False,
    query: Annotated[
        bool, Flag("--query", help="Embed questions; with --similarity, the first text.")
    ] = False,
    output: Annotated[str, Flag("--output", help="jsonl or npy.", metavar="FORMAT")] = "jsonl",
    target: Annotated[
        Path | None, Flag("--target", "-o", help="File to write to.", metavar="FILE")
    ] = None,
    similarity: Annotated[
        bool, Flag("--similarity", help="Print the similarity of two texts instead.")
    ] = False,
    metric: Annotated[
        str,
        Flag(
            "--metric",
            help="cosine, dot, or euclidean (the negated distance).",
            metavar="METRIC",
        ),
    ] = "cosine",
    model: ModelOptions,
    embedding: EmbeddingOptions,
) -> None:
    """Print the vectors of texts as JSON Lines; they have unit length.

    --output npy writes a NumPy array of shape (texts, dimensions) to --target. A text that the
    model refuses while it accepts others is reported, with exit code 4; with npy it is an error.

    Example:  knowledge embed "the signing key" --similarity "the key to sign with"
    """
    if not texts and not file:
        raise UsageError("nothing to embed", hint="Name a TEXT, or -f FILE; - is stdin.")
    if output not in _FORMATS:
        raise UsageError(f"--output must be one of {', '.join(_FORMATS)}, not {output!r}")
    if target is not None:
        _check_target(target)
    with session.open(model, embedding) as kb:
        lines = _texts(texts or [], file or [], whole=whole)
        if similarity:
            _compare(session, kb, list(lines), metric=metric, query=query)
        else:
            _embed(session, kb, lines, query=query, output=output, target=target)


def _check_target(target: Path) -> None:
    """Check that the vectors can be written, before anything is sent."""
    if target.is_dir():
        raise UsageError(f"--target {target} is a folder", hint="Name a file in it.")
    if not target.parent.is_dir():
        raise PathNotFoundError(f"--target: there is no folder {target.parent}")


@contextmanager
def _written(target: Path) -> Iterator[BinaryIO]:
    """Yield a stream whose content becomes the target's when all went well; else that stays."""
    if target.exists() and not target.is_file():  # a device, or a pipe
        with target.open("wb") as stream:
            yield stream
        return
    target = target.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as stream:
            yield stream
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _texts(texts: list[str], files: list[Path], *, whole: bool) -> Iterator[str]:
    for text in texts:
        if text == "-":
            yield from _lines(_stdin(), whole=whole)
        else:
            yield text
    for path in files:
        if str(path) == "-":
            yield from _lines(_stdin(), whole=whole)
            continue
        if not path.is_file():
            raise PathNotFoundError(f"there is no file {path}")
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from _lines(stream, whole=whole)


def _stdin() -> io.TextIOBase:
    return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")


def _lines(stream: Any, *, whole: bool) -> Iterator[str]:
    """Yield the lines that are not blank, or all as one text."""
    if whole:
        yield stream.read()
        return
    for line in stream:
        if text := line.strip():
            yield text


def _compare(
    session: Session, kb: KnowledgeBase, texts: list[str], *, metric: str, query: bool
) -> None:
    if len(texts) != 2:
        raise UsageError(f"--similarity takes two texts, not {len(texts)}")
    score = kb.similarity(*texts, metric=metric, query=query)
    if session.json:
        session.print_json(records.similarity(score, metric, texts))
    else:
        write(f"{score:.6f}\n")


def _embed(
    session: Session,
    kb: KnowledgeBase,
    lines: Iterable[str],
    *,
    query: bool,
    output: str,
    target: Path | None,
) -> None:
    """Write the vectors; refused texts are reported, with exit code 4."""
    refused: dict[int, RemoteError] = {}

    def told(number: int, _text: str, error: RemoteError) -> None:
        refused[number] = error
        session.note(f"text {number + 1} has no vector: {error.message}")

    # A row of an array has no number of its own, so none may be left out.
    on_refused = None if output == "npy" else told
    pairs = kb.embed(lines, query=query, on_refused=on_refused)
    count = _write(session, kb, pairs, refused, output=output, target=target)
    if refused:
        if not count:
            raise next(iter(refused.values()))
        raise Exit(SomeFilesFailedError.exit_code)


def _write(
    session: Session,
    kb: KnowledgeBase,
    pairs: Pairs,
    refused: Mapping[int, RemoteError],
    *,
    output: str,
    target: Path | None,
) -> int:
    """Write all pairs, and return how many there were; ``refused`` fills meanwhile."""
    if target is None and output == "npy" and (session.json or sys.stdout.isatty()):
        raise UsageError("--output npy is binary", hint="Name a file: --target vectors.npy")
    lines: list[dict[str, Any]] = []
    if output == "npy":
        count, dimensions = _save(pairs, target)
    elif target is not None:
        with _written(target) as stream:
            put = io.TextIOWrapper(stream, encoding="utf-8", write_through=True).write
            count, dimensions = _write_lines(pairs, refused, put)
    elif session.json:
        count, dimensions = _write_lines(
            pairs, refused, lambda line: lines.append(json.loads(line))
        )
    else:
        count, dimensions = _write_lines(pairs, refused, write)
    if session.json and (count or not refused):
        session.print_json(
            records.embedded(
                kb.models.current(),
                dimensions=dimensions,
                count=count,
                target=None if target is None else str(target),
                lines=lines,
                refused={index: error.message for index, error in refused.items()},
            )
        )
    return count


def _write_lines(
    pairs: Pairs, refused: Mapping[int, RemoteError], put: Callable[[str], object]
) -> tuple[int, int | None]:
    """Pass a line of JSON for each text to ``put``; return the shape of all vectors."""
    count, dimensions = 0, None
    for text, vector in pairs:
        # Whatever was refused by now stood before this text.
        put(json_text(_record(count + len(refused), text, vector)) + "\n")
        count, dimensions = count + 1, len(vector)
    return count, dimensions


def _record(index: int, text: str, vector: NDArray[np.float32]) -> dict[str, Any]:
    # Through text: the shortest decimals that give the same float32.
    return {"index": index, "text": text, "vector": [float(str(number)) for number in vector]}


def _save(pairs: Pairs, target: Path | None) -> tuple[int, int | None]:
    """Write a NumPy array to a file or to stdout; return its shape."""
    import numpy as np

    rows = [vector for _, vector in pairs]
    array = np.stack(rows) if rows else np.empty((0, 0), np.float32)
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    if target is None:
        binary_output().write(content.getvalue())
    else:
        with _written(target) as stream:
            stream.write(content.getvalue())
    return len(rows), array.shape[1] if rows else None
