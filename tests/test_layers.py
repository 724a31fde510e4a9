"""Imports go down only; the rules stand in pyproject.toml."""

from __future__ import annotations

import ast

from tests.conftest import ROOT


def test_the_contracts_are_kept(capsys):
    from importlinter.cli import lint_imports

    code = lint_imports(
        config_filename=str(ROOT / "pyproject.toml"), no_cache=True, is_debug_mode=False
    )
    assert code == 0, capsys.readouterr().out


def test_nothing_below_the_command_line_prints():
    for path in (ROOT / "knowledge").rglob("*.py"):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {call.id for call in calls if isinstance(call, ast.Name)}
        assert not names & {"print", "input"}, path
        assert "sys.stdout" not in path.read_text(encoding="utf-8"), path
