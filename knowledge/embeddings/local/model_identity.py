"""What tells a model's files from others at the same place, without reading gigabytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from knowledge.errors import ModelMismatchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from knowledge.model import EmbedderSpec

OPTION = "files"
"""Where `EmbedderSpec.options` holds the hash."""

POOLING = "pooling"
"""Where it holds how token vectors become one, which had to be guessed; none is the mean."""

_SAMPLE = 65_536
_WEIGHTS = (".onnx", ".onnx_data", ".safetensors", ".bin", ".gguf", ".model", ".pt")
_TEXTS = (".json", ".txt")


def folder_hash(folder: Path) -> str:
    """Hash the configuration, vocabulary and weights of a model folder, 16 characters.

    Raises
    ------
    UsageError
        It can't be read.
    """
    try:
        files = [
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix in _WEIGHTS + _TEXTS
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and path.is_file()
        ]
        return _hash((path, path.relative_to(folder).as_posix()) for path in files)
    except OSError as error:
        raise UsageError(f"can't read the model folder {folder}: {error}") from error


def file_hash(path: Path) -> str:
    """Hash one file that holds a model, 16 characters; its name does not count.

    Raises
    ------
    UsageError
        It can't be read.
    """
    try:
        return _hash([(path, "")])
    except OSError as error:
        raise UsageError(f"can't read the model {path}: {error}") from error


def check_same_files(recorded: EmbedderSpec, now: EmbedderSpec) -> None:
    """Check that a dataset's model still has the files that the dataset was embedded with.

    Raises
    ------
    ModelMismatchError
        Others lie at its place.
    """
    old, new = recorded.options.get(OPTION), now.options.get(OPTION)
    if old is not None and old != new:
        raise ModelMismatchError(
            f"the files of the model {recorded.provider}:{recorded.model} are not those that the "
            "dataset was embedded with",
            hint="Put the former files back, or ingest into a new dataset.",
        )


def _hash(files: Iterable[tuple[Path, str]]) -> str:
    """Hash names, sizes and samples: start, middle and end of each file."""
    digest = hashlib.sha256()
    for path, name in files:
        size = path.stat().st_size
        digest.update(f"{name}\0{size}\0".encode(errors="surrogateescape"))
        with path.open("rb") as file:
            for start in sorted({0, max(0, size // 2 - _SAMPLE // 2), max(0, size - _SAMPLE)}):
                file.seek(start)
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:16]
