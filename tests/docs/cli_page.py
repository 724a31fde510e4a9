"""docs/cli.md and the man page docs/knowledge.1, made from the commands.

Run ``python -m tests.docs.cli_page`` after a command has changed: it writes both.
"""

from __future__ import annotations

import re
from pathlib import Path

from knowledge import __version__
from tests.docs.command_texts import Command, Parameter, commands, common_options

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cli.md"
MAN = ROOT / "docs" / "knowledge.1"
EXIT_CODES = ROOT / "docs" / "exit-codes.md"

INTRODUCTION = """\
# Commands

Made from the commands themselves: `knowledge COMMAND --help` says the same, and `man knowledge`
too. Every option that names a variable in brackets can also be set there or in a file: see
[Settings](settings.md). Results go to stdout, all else to stderr; [Exit codes](exit-codes.md) lists
the exit codes, [JSON output](json.md) what `--json` prints.
"""
SHELL = """\
## Completion

With `--install-completion`, `knowledge` teaches the shell you call it from (bash, zsh, fish,
PowerShell) to complete commands and options, the names of datasets and providers, and the words
that an option takes. Start a new shell afterwards. `--show-completion` prints the script instead.
"""


def page() -> str:
    """Return docs/cli.md."""
    known = list(commands())
    parts = [INTRODUCTION, _contents(known), _common(), SHELL]
    parts += [_section(command) for command in known]
    return "\n".join(parts)


def _contents(known: list[Command]) -> str:
    lines = ["| kind | commands |", "|---|---|"]
    for panel, group in _by_panel(known).items():
        links = [f"[{c.name}](#{c.name.replace(' ', '-')})" for c in group]
        lines.append(f"| {panel} | {', '.join(links)} |")
    return "\n".join(lines) + "\n"


def _by_panel(known: list[Command]) -> dict[str, list[Command]]:
    """Group the commands as the help does; a panel's rows need not stand together."""
    panels: dict[str, list[Command]] = {}
    for command in known:
        panels.setdefault(command.panel, []).append(command)
    return panels


def _common() -> str:
    return f"## Common options\n\n{_table('option', common_options())}"


def _section(command: Command) -> str:
    parts = [f"## {command.name}", *command.paragraphs, f"```text\n{command.usage}\n```"]
    if command.examples:
        parts.append("\n\n".join(_example(told, line) for told, line in command.examples))
    if command.arguments:
        parts.append(_table("argument", command.arguments).rstrip())
    if command.options:
        parts.append(_table("option", command.options).rstrip())
    return "\n\n".join(parts) + "\n"


def _example(told: str, line: str) -> str:
    return f"{told}:\n\n```text\n{line}\n```"


def _table(what: str, parameters: tuple[Parameter, ...] | list[Parameter]) -> str:
    rows = [f"| {what} | meaning |", "|---|---|"]
    for one in parameters:
        rows.append(f"| `{_cell(one.spelling)}` | {_cell(one.help)} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def man_page() -> str:
    """Return the man page, in the language of ``man(7)``."""
    known = list(commands())
    lines = [
        '.\\" Made by python -m tests.docs.cli_page; changes belong into the commands.',
        f'.TH KNOWLEDGE 1 "" "knowledge {__version__}" "User Commands"',
        ".SH NAME",
        "knowledge \\- ingest documents, retrieve cited passages",
        ".SH SYNOPSIS",
        ".B knowledge",
        ".I COMMAND",
        "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        "A document knowledge base for the terminal, for scripts and for language models. It works",
        "offline, on OpenAI, on Azure or on a server of your own.",
        "Results go to standard output, all else to standard error.",
    ]
    for panel, group in _by_panel(known).items():
        lines.append(f".SH {_quoted(panel.upper())}")
        for command in group:
            lines += _man_command(command)
    lines += [".SH COMMON OPTIONS", "Every command has these."]
    for option in common_options():
        lines += _man_parameter(option)
    lines += [".SH EXIT STATUS"]
    for code, meaning in exit_codes():
        lines += [".TP", f".B {code}", _roff(meaning)]
    lines += [
        ".SH ENVIRONMENT",
        "Options name the variable that sets them in brackets. docs/settings.md lists all of them;",
        ".B knowledge config",
        "shows those in force.",
        ".SH FILES",
        ".TP",
        ".B knowledge.yaml, .env",
        "Settings of the working directory.",
        ".TP",
        ".B KNOW_DATA_DIR",
        "The data folder; by default the one of the platform for the data of programs.",
    ]
    return "\n".join(lines) + "\n"


def exit_codes() -> list[tuple[str, str]]:
    """Return the codes and meanings that docs/exit-codes.md lists."""
    table = EXIT_CODES.read_text(encoding="utf-8").partition("## Errors")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", table, re.MULTILINE)
    return [(code, meaning.replace("\\|", "|").replace("`", "")) for code, meaning in rows]


def _man_command(command: Command) -> list[str]:
    lines = [f".SS {_quoted(command.usage)}"]
    for paragraph in command.paragraphs:
        lines += [".PP", _roff(paragraph)]
    for told, line in command.examples:
        lines += [".PP", _roff(told) + ":", ".br", f".B {_roff(line, options=True)}"]
    for one in (*command.arguments, *command.options):
        lines += _man_parameter(one)
    return lines


def _man_parameter(one: Parameter) -> list[str]:
    return [".TP", f".B {_roff(one.spelling, options=True)}", _roff(one.help)]


def _quoted(text: str) -> str:
    return '"' + _roff(text, options=True).replace('"', "\\(dq") + '"'


def _roff(text: str, *, options: bool = False) -> str:
    """Return text as roff reads it; in ``options`` a hyphen is a minus, as it is typed."""
    text = text.replace("\\", "\\e")
    if options:
        text = text.replace("-", "\\-")
    text = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    MAN.write_text(man_page(), encoding="utf-8")
