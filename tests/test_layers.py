"""Imports go down only, by the rules in pyproject.toml, and no room grows past its limits."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.conftest import ROOT


def test_the_contracts_are_kept(capsys):
    from importlinter.cli import lint_imports

    code = lint_imports(
        config_filename=str(ROOT / "pyproject.toml"), no_cache=True, is_debug_mode=False
    )
    assert code == 0, capsys.readouterr().out


MOST_LINES = 600
MOST_MODULES = 20


def test_no_file_is_more_than_one_idea_long_and_every_folder_can_be_looked_over():
    modules = list((ROOT / "knowledge").rglob("*.py"))
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert not {path: count for path, count in lines.items() if count > MOST_LINES}
    folders = Counter(path.parent for path in modules if path.name != "__init__.py")
    assert not {folder: count for folder, count in folders.items() if count > MOST_MODULES}


def test_nothing_below_the_command_line_prints():
    for path in (ROOT / "knowledge").rglob("*.py"):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        source = path.read_text(encoding="utf-8")
        assert "sys.stdout" not in source, path
        if "print" in source or "input" in source:
            calls = [
                node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
            ]
            names = {call.id for call in calls if isinstance(call, ast.Name)}
            assert not names & {"print", "input"}, path


_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_COMMAND = re.compile(
    r"`(knowledge|git|pip|ray) [^`]*`|pip install [^,;]*|llama\.cpp: --pooling mean"
)
"""Whole commands may be suggested by any room, and flags of other programs."""
_FLAGS_ARE_DECLARED_IN = (
    "cli",
    "requests/",
    "server/",
    "settings/table/former.py",
    "ingestion/sources/git",
)


def test_the_library_names_fields_and_leaves_flags_to_the_command_line():
    named = []
    for path in (ROOT / "knowledge").rglob("*.py"):
        place = path.relative_to(ROOT / "knowledge").as_posix()
        source = path.read_text(encoding="utf-8")
        if place.startswith(_FLAGS_ARE_DECLARED_IN) or not _FLAG.search(source):
            continue
        named += [
            f"{place}:{line}: {flag}"
            for line, text in _texts(ast.parse(source))
            for flag in _FLAG.findall(_COMMAND.sub("", text))
        ]
    assert not named


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each string; what is put into one is left out."""
    parts = set()
    for node in ast.walk(tree):  # a formatted string comes before its parts
        if isinstance(node, ast.JoinedStr):
            parts.update(map(id, node.values))
            yield (
                node.lineno,
                "".join(
                    part.value
                    for part in node.values
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ),
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.lineno, node.value
