"""Imports go down only, by the rules in pyproject.toml, and no room grows past its limits."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.conftest import ROOT


def test_the_contracts_are_kept(capsys):
    from importlinter.cli import lint_imports

    code = lint_imports(
        config_filename=str(ROOT / "pyproject.toml"), no_cache=True, is_debug_mode=False
    )
    assert code == 0, capsys.readouterr().out


@cache
def imports():
    """Return which modules each module imports, whenever it does; what only types need is out."""
    import grimp

    graph = grimp.build_graph("knowledge", exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_modules_import_each_other_in_a_circle():
    TopologicalSorter(imports()).prepare()  # raises CycleError, which names the circle


def steps_of(heading):
    """Return the steps of a walk in docs/architecture.md, each with its parts, as modules."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    walk = page.partition(f"## {heading}\n")[2].partition("```text\n")[2].partition("```")[0]
    steps = []
    for line in walk.splitlines():
        step = re.match(r"( +(?:│ +)?)([a-z_]+(?:/[a-z_]+)*)/?(?:: \w+)?(?: {2}|$)", line)
        if step and len(step[1]) == 1:
            steps.append([step[2]])
        elif step:
            whole = step[2] if step[2].startswith("documents/") else f"retrieval/{step[2]}"
            steps[-1].append(whole)
    return [["knowledge." + path.replace("/", ".") for path in step] for step in steps]


@pytest.mark.parametrize(
    ("heading", "least"), [("A folder into a dataset", 9), ("A question to hits", 6)]
)
def test_no_step_of_a_walk_goes_back_up(heading, least):
    """A part does not know its step, and a step knows none but the next of those after it."""
    steps = steps_of(heading)
    assert len(steps) >= least
    assert not {path for step in steps for path in step} - set(imports())

    def known_to(paths):
        return {
            other
            for module, others in imports().items()
            if any(module == path or module.startswith(path + ".") for path in paths)
            for other in others
        }

    for number, step in enumerate(steps):
        assert not known_to(step[1:]) & {step[0]}
        later = [path for after in steps[number + 2 :] for path in after]
        known = known_to(step)
        assert not [one for one in known for path in later if f"{one}.".startswith(f"{path}.")]


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
