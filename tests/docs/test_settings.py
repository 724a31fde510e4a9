"""docs/settings.md and .env.example say what the table of settings says."""

from __future__ import annotations

import re

import pytest

from knowledge.settings.reading import BY_NAME, TABLE, Settings
from tests.docs.settings_page import BEGIN, END, EXAMPLE, PAGE, env_example, table

REMEDY = "run python -m tests.docs.settings_page"


def test_the_table_is_that_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(), REMEDY


def test_the_example_is_that_of_the_code():
    assert EXAMPLE.read_text(encoding="utf-8") == env_example(), REMEDY


def test_the_example_names_every_variable_with_its_default():
    text = EXAMPLE.read_text(encoding="utf-8")
    given = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert given == {setting.variables[0]: setting.shown_default for setting in TABLE}
    for setting in TABLE:
        for alias in setting.variables[1:]:
            assert alias in text


def test_the_example_changes_nothing_as_it_is(tmp_path):
    (tmp_path / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    settings = Settings.read(environ={}, folder=tmp_path)
    assert not [setting.name for setting in TABLE if settings.is_set(setting.name)]


def test_every_line_of_the_example_can_be_switched_on(tmp_path):
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    switched_on = [re.sub(r"^#(?=[A-Z_]+=)", "", line) for line in lines]
    (tmp_path / ".env").write_text("\n".join(switched_on), encoding="utf-8")
    settings = Settings.read(environ={}, folder=tmp_path)
    for setting in TABLE:
        assert settings[setting.name] == setting.default


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_a_setting_is_fit_for_a_page(setting):
    assert re.fullmatch(r"[a-z][a-z_]*", setting.name)
    assert setting.variables
    assert setting.help.endswith(".")
    assert "|" not in setting.help
    assert BY_NAME[setting.name] is setting


def test_no_variable_names_two_settings():
    """But for one that another variable gives to the one or to the other."""
    found = {}
    for setting in TABLE:
        for name in setting.variables:
            other = found.setdefault(name, setting)
            if other is not setting:
                assert name in setting.not_with or name in other.not_with
                assert {**setting.not_with, **other.not_with}[name] == (
                    {**setting.only_with, **other.only_with}[name]
                )


def test_the_project_file_on_the_page_is_valid(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "knowledge.yaml").write_text(example, encoding="utf-8")
    settings = Settings.read(environ={}, folder=tmp_path)
    assert settings.warnings == ()
    assert settings["dataset"] == "handbook"
    assert settings["prune"] is True
