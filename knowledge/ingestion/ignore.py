"""Which files of a folder are left out: the ignore rules, in gitignore's syntax.

Later rules win over earlier ones: built-ins, then ``.knowignore`` files from the root down, then
``--ignore-file``, then ``--ignore-extensions``. Hidden files are left out by a rule of their own.
A path that the user named on purpose is never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from knowledge.errors import PathNotFoundError, UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".knowignore"
BUILT_IN = (
    IGNORE_FILE,
    ".knowledge.json",
    "~$*",  # Word's lock files
    ".~lock.*",  # LibreOffice's
    ".git/",
    "node_modules/",
    "__pycache__/",
    ".DS_Store",
    "Thumbs.db",
)


@dataclass(frozen=True, slots=True)
class IgnoreOptions:
    """What the user said about files to leave out.

    Parameters
    ----------
    files:
        Files of gitignore lines.
    extensions:
        Extensions such as ``.log``, with or without the dot.
    include_hidden:
        Take files and folders whose name begins with a dot.
    """

    files: Sequence[Path] = ()
    extensions: Sequence[str] = ()
    include_hidden: bool = False


@dataclass(slots=True)
class IgnoreRules:
    """The rules in force below one root of a run."""

    root: Path
    options: IgnoreOptions
    _flags: GitIgnoreSpec = field(init=False)
    _built_in: GitIgnoreSpec = field(init=False)
    _nested: dict[str, GitIgnoreSpec] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        lines: list[str] = []
        for path in self.options.files:
            lines += _read_lines(path)
        lines += [f"*.{extension.lstrip('.*')}" for extension in self.options.extensions]
        self._flags = _spec(lines, "the ignore rules")
        self._built_in = _spec(BUILT_IN, "the built-in rules")

    def enter(self, folder: str) -> None:
        """Read the ``.knowignore`` of a folder, given relative to the root ('' is the root).

        Raises
        ------
        UsageError
            A line of it is no pattern, or it can't be read.
        """
        path = self.root / folder / IGNORE_FILE
        if path.is_file():
            self._nested[folder] = _spec(_read_lines(path), str(path))

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether ``path``, relative to the root with ``/``, is left out."""
        if not self.options.include_hidden and PurePosixPath(path).name.startswith("."):
            return True
        verdict = bool(self._built_in.match_file(_marked(path, is_folder)))
        for folder in [*map(str, reversed(PurePosixPath(path).parents))]:
            spec = self._nested.get("" if folder == "." else folder)
            if spec is not None:
                relative = path if folder == "." else path[len(folder) + 1 :]
                verdict = _decide(spec, _marked(relative, is_folder), verdict)
        return _decide(self._flags, _marked(path, is_folder), verdict)


def _decide(spec: GitIgnoreSpec, path: str, before: bool) -> bool:
    outcome = spec.check_file(path).include
    return before if outcome is None else bool(outcome)


def _marked(path: str, is_folder: bool) -> str:
    return path + "/" if is_folder else path


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise PathNotFoundError(f"the ignore file {path} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read the ignore file {path}: {error}") from error


def _spec(lines: Iterable[str], where: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
