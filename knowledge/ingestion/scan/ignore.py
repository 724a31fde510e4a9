"""Which files of a folder are left out.

Later rules win over earlier ones: built-ins, then ``.gitignore`` as Git reads it, then
``.knowignore`` files from the root down, then ``ignore_file``, then ``ignore_extensions``; all
in gitignore's syntax. Of what these leave, ``include`` takes only what it names, and
``exclude`` drops what it names. Hidden files are left out by a rule of their own. A path that
the user named on purpose is never left out.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.files.bounded_data import DataError, read_text
from knowledge.ingestion.scan.patterns import Patterns, valid_lines
from knowledge.storage.shown_path import shown

IGNORE_FILE = ".knowignore"
GITIGNORE = ".gitignore"
GIT = ".git"
MAX_RULES = 1 << 20
"""Bytes of a file of rules."""
Layer = tuple[Patterns, str]
"""Patterns, and the path from their folder down to the folder at hand, ending in ``/`` or empty."""
BUILT_IN_FOLDERS = frozenset({GIT, "node_modules", "__pycache__"})
BUILT_IN_FILES = frozenset({IGNORE_FILE, ".knowledge.json", ".DS_Store", "Thumbs.db", GIT})
BUILT_IN_STARTS = ("~$", ".~lock.", "$")
"""Lock files of Word and LibreOffice, and what Windows keeps for itself, such as $RECYCLE.BIN."""
BUILT_IN_ENDS = ("~", ".swp", ".swo")
"""Backups and swap files of editors."""


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
    include_generated:
        Take what nobody wrote: lock files, source maps, minified and generated code.
    gitignore:
        Heed ``.gitignore`` files; ``None`` is: inside Git work trees.
    include:
        Globs relative to the root; with any, only files that match one are taken.
    exclude:
        Globs relative to the root of what is left out, whatever else is said.
    follow_links:
        Take what symbolic links below the root lead to, be it outside of it.
    """

    files: Sequence[Path] = ()
    extensions: Sequence[str] = ()
    include_hidden: bool = False
    include_generated: bool = False
    gitignore: bool | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    follow_links: bool = True


class IgnoreRules:
    """The rules that hold below every root of a run, compiled once.

    Raises
    ------
    PathNotFoundError
        A file of rules does not exist.
    UsageError
        It cannot be read, or a line or glob is no pattern.
    """

    def __init__(self, options: IgnoreOptions) -> None:
        self.options = options
        lines: list[str] = []
        for path in options.files:
            lines += _read_lines(path)
        lines += [f"*.{extension.lstrip('.*')}" for extension in options.extensions]
        self.flags = Patterns(lines, "the ignore rules")
        self.include = Patterns(_globs(options.include), "`include`")
        self.exclude = Patterns(_globs(options.exclude), "`exclude`")
        self.chooses = bool(self.include) or bool(self.exclude)

    def at(self, root: str, names: Collection[str]) -> FolderRules:
        """Return the rules in the root of a walk; ``names`` are those of its files and folders."""
        git: list[Layer] = []
        heed = self.options.gitignore
        work_tree = None if heed is False else work_tree_of(root)
        if work_tree is not None:
            git = layers_above(work_tree, root)
        rules = FolderRules(self, root, "", git, [], heed=bool(heed) or work_tree is not None)
        rules._read(names, above=work_tree is not None)
        return rules

    def at_copy(self, folder: str, names: Collection[str]) -> FolderRules:
        """Return the rules in a root that lies elsewhere, whose own files of rules are copied here.

        Nothing above ``folder`` has a say.
        """
        rules = FolderRules(self, folder, "", [], [], heed=bool(self.options.gitignore))
        rules._read(names, above=False)
        return rules


class FolderRules:
    """The rules in force in one folder."""

    __slots__ = ("_all", "_folder", "_git", "_heed", "_know", "_layers", "_relative")

    def __init__(
        self,
        every: IgnoreRules,
        folder: str,
        relative: str,
        git: list[Layer],
        know: list[Layer],
        *,
        heed: bool,
    ) -> None:
        self._all = every
        self._folder = folder
        self._relative = relative  # from the root, ending in / or empty
        self._git = git
        self._know = know
        self._heed = heed
        self._layers: list[Layer] = []

    def below(self, name: str, path: str, names: Collection[str]) -> FolderRules:
        """Return the rules in a sub-folder.

        Parameters
        ----------
        name:
            Its name as it is shown.
        path:
            Opens it.
        names:
            Those of its files and folders.

        Raises
        ------
        UsageError
            Its ``.knowignore`` cannot be read, or holds a line that is no pattern.
        """
        step = name + "/"
        rules = FolderRules(
            self._all,
            path,
            self._relative + step,
            [(patterns, prefix + step) for patterns, prefix in self._git],
            [(patterns, prefix + step) for patterns, prefix in self._know],
            heed=self._heed,
        )
        rules._read(names, above=False)
        return rules

    def ignores(self, name: str, *, is_folder: bool) -> bool:
        """Tell whether the file or folder ``name`` is left out."""
        every = self._all
        if not every.options.include_hidden and name.startswith("."):
            return True
        marked = name + "/" if is_folder else name
        for patterns, prefix in self._layers:
            verdict = patterns.verdict(prefix + marked)
            if verdict is not None:
                break
        else:
            verdict = _is_built_in(name, is_folder)
        if verdict:
            return True
        if not every.chooses:
            return False
        path = self._relative + marked
        if every.include and not is_folder and not every.include.matches(path):
            return True
        return bool(every.exclude) and every.exclude.matches(path)

    def _read(self, names: Collection[str], *, above: bool) -> None:
        """Add the rules that stand in the folder itself.

        ``above``: the rules of its work tree are known already.
        """
        if GIT in names and not above and self._all.options.gitignore is not False:
            self._git, self._heed = excluded(self._folder), True  # a work tree of its own
        if GITIGNORE in names and self._heed:
            self._git = [*self._git, *gitignore_of(self._folder)]
        if IGNORE_FILE in names:
            path = os.path.join(self._folder, IGNORE_FILE)
            if os.path.isfile(path):
                self._know = [*self._know, (Patterns(_read_lines(Path(path)), path), "")]
        flags = [(self._all.flags, self._relative)] if self._all.flags else []
        self._layers = [*flags, *reversed(self._know), *reversed(self._git)]  # the strongest first


def _is_built_in(name: str, is_folder: bool) -> bool:
    if is_folder and name in BUILT_IN_FOLDERS:
        return True
    if name.startswith("#") and name.endswith("#"):  # Emacs saves there by itself
        return True
    ours = name.startswith(BUILT_IN_STARTS) or name.endswith(BUILT_IN_ENDS)
    return ours or name in BUILT_IN_FILES


def _globs(globs: Sequence[str]) -> list[str]:
    """Return globs as lines: ``!`` and ``#`` mean nothing at their start."""
    return ["\\" + glob if glob.startswith(("!", "#")) else glob for glob in globs]


def _read_lines(path: Path) -> list[str]:
    try:
        return rule_lines(path)
    except FileNotFoundError as error:
        raise PathNotFoundError(f"the ignore file {path} does not exist") from error
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise UsageError(f"can't read the ignore file {path}: {error}") from error


def rule_lines(path: str | Path, errors: str = "strict") -> list[str]:
    r"""Return the lines of a file of rules; as for Git, nothing but ``\n`` ends one.

    Raises
    ------
    OSError, UnicodeDecodeError, DataError
        It cannot be read, is no UTF-8, or is larger than any list of rules.
    """
    text = read_text(path, MAX_RULES, errors=errors)
    return [line.removesuffix("\r") for line in text.split("\n")]


def work_tree_of(folder: str) -> str | None:
    """Return the root of the Git work tree that holds a folder; ``None`` outside of any."""
    while not os.path.lexists(os.path.join(folder, GIT)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def layers_above(work_tree: str, folder: str) -> list[Layer]:
    """Return the rules that reach a folder of a work tree from above it, the outermost first.

    Rules that would leave out the folder itself are dropped: it was named on purpose.
    """
    layers = excluded(work_tree)
    down = os.path.relpath(folder, work_tree)
    parts = [] if down == os.curdir else down.split(os.sep)
    here = work_tree
    for part in parts:
        layers += gitignore_of(here)
        step = shown(part) + "/"
        layers = [(patterns, prefix + step) for patterns, prefix in layers]
        here = os.path.join(here, part)
    return [
        (patterns.without_those_of(prefix) if prefix else patterns, prefix)
        for patterns, prefix in layers
    ]


def gitignore_of(folder: str) -> list[Layer]:
    """Return the rules of a folder's ``.gitignore``, if there are any."""
    return _layer(os.path.join(folder, GITIGNORE))


def excluded(work_tree: str) -> list[Layer]:
    """Return the rules of a work tree's ``info/exclude``, if there are any."""
    return _layer(os.path.join(_git_folder(work_tree), "info", "exclude"))


def _layer(path: str) -> list[Layer]:
    lines = _lines(path)
    patterns = Patterns(valid_lines(lines), shown(path)) if lines else None
    return [(patterns, "")] if patterns else []


def _lines(path: str) -> list[str]:
    """Return a file's lines, none when it cannot be read: Git's files are not ours to judge."""
    try:
        return rule_lines(path, errors="replace")
    except (OSError, DataError):
        return []


def _git_folder(work_tree: str) -> str:
    """Return the folder of the repository itself, which linked work trees and submodules name."""
    path = os.path.join(work_tree, GIT)
    if os.path.isdir(path):
        return path
    named = "".join(_lines(path)[:1]).removeprefix("gitdir:").strip()
    folder = os.path.join(work_tree, named)
    common = "".join(_lines(os.path.join(folder, "commondir"))[:1]).strip()
    return os.path.join(folder, common)
