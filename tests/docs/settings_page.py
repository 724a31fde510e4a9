"""The parts of docs/settings.md and .env.example that come from the table of settings.

Run ``python -m tests.docs.settings_page`` after the table has changed: it writes both.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from knowledge.settings.reading import TABLE, Setting

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / ".env.example"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
HEAD = """\
# Settings of `knowledge`. Copy this file to .env in the folder you work in, and take the # off the
# lines you want to change. Each line below shows a default; flags and the environment win over it.
# Setting OPENAI_API_KEY or OPENAI_BASE_URL makes openai the provider. Never commit a key.
"""


def table() -> str:
    """Return the table of docs/settings.md."""
    rows = ["| name | variables | default | what it does |", "|---|---|---|---|"]
    for setting in TABLE:
        variables = ", ".join(f"`{name}`" for name in setting.variables)
        default = f"`{setting.shown_default}`" if setting.shown_default else "empty"
        rows.append(f"| `{setting.name}` | {variables} | {default} | {described(setting)} |")
    return "\n".join(rows)


def env_example() -> str:
    """Return .env.example."""
    blocks = [HEAD]
    for setting in TABLE:
        name, *aliases = setting.variables
        help_text = setting.help
        if aliases:
            help_text += f" Also read from {', '.join(aliases)}."
        if setting.name == "trust_project":
            help_text += " Not from this file."
        lines = textwrap.wrap(help_text, 98, initial_indent="# ", subsequent_indent="# ")
        blocks.append("\n".join([*lines, f"#{name}={setting.shown_default}"]) + "\n")
    return "\n".join(blocks)


def described(setting: Setting) -> str:
    """Return a setting's help with the limits it has."""
    limits = []
    if setting.minimum is not None:
        limits.append(f"{setting.minimum:g} to {setting.maximum:,.10g}")
    if setting.secret:
        limits.append("secret: never printed, not allowed in `knowledge.yaml`")
    return setting.help + (f" ({'; '.join(limits)})" if limits else "")


def with_table(page: str) -> str:
    """Return the page with its table replaced by the one of today."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    EXAMPLE.write_text(env_example(), encoding="utf-8")
