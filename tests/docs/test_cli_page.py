"""docs/cli.md and the man page say what the commands say."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.cli.test_help import LINES
from tests.docs.cli_page import EXIT_CODES, MAN, PAGE, exit_codes, man_page, page
from tests.docs.command_texts import commands, common_options

REMEDY = "run python -m tests.docs.cli_page"


def test_the_page_is_that_of_the_code():
    assert PAGE.read_text(encoding="utf-8") == page(), REMEDY


def test_the_man_page_is_that_of_the_code():
    assert MAN.read_text(encoding="utf-8") == man_page(), REMEDY


def test_every_command_has_its_section():
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted([*LINES, "Common options", "Completion"])
    sections = re.findall(r'^\.SS "knowledge (.+?) \[', MAN.read_text("utf-8"), re.MULTILINE)
    assert sorted(name.replace("\\-", "-") for name in sections) == LINES


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_a_command_explains_itself(command):
    assert command.paragraphs
    assert command.examples
    assert f"knowledge {command.name}" in command.examples[0][1]
    for parameter in (*command.arguments, *command.options):
        assert parameter.help.endswith((".", "]")), parameter


def test_common_options_are_told_once():
    spellings = {option.spelling for option in common_options()}
    assert "--json" in spellings
    assert "-q, --quiet" in spellings
    for command in commands():
        assert not spellings & {option.spelling for option in command.options}


def test_the_man_page_lists_all_exit_codes():
    codes = [int(code) for code, _ in exit_codes()]
    assert codes == sorted(codes)
    assert {0, 1, 2, 3, 4, 5, 6, 7, 8, 130, 141, 143} <= set(codes)
    assert EXIT_CODES.read_text(encoding="utf-8").count(f"\n| {codes[-1]} |") == 1


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_the_man_page_can_be_read():
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-k", MAN], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    text = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
    assert "knowledge retrieve [OPTIONS] QUERY" in text
    assert "--embedding-model-provider PROVIDER" in text
