"""The configuration of MCP clients: where each keeps it, and what goes into it."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeError, UsageError
from knowledge.files.private import replace_text

_HEADER = re.compile(r"\s*\[+\s*([^\]]*?)\s*\]")

NAME = "knowledge"
"""The server's name in a client's configuration."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program that starts MCP servers.

    Parameters
    ----------
    file:
        Returns the path of its configuration.
    section:
        The keys that lead to its servers, outermost first.
    extra:
        What an entry holds besides the command.
    toml:
        True where the file is TOML rather than JSON.
    """

    title: str
    file: Callable[[], Path]
    section: tuple[str, ...]
    extra: Mapping[str, Any]
    toml: bool = False


def _claude() -> Path:
    home = Path.home()
    if sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "Claude" / "claude_desktop_config.json"


def _codex() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "config.toml"


CLIENTS: Mapping[str, Client] = {
    "claude": Client("Claude Desktop", _claude, ("mcpServers",), {}),
    "cursor": Client("Cursor", lambda: Path.home() / ".cursor" / "mcp.json", ("mcpServers",), {}),
    "vscode": Client(
        "VS Code, this folder", lambda: Path(".vscode", "mcp.json"), ("servers",), {"type": "stdio"}
    ),
    "codex": Client("Codex", _codex, ("mcp_servers",), {}, toml=True),
}


def command_of(arguments: Sequence[str]) -> list[str]:
    """Return the command that starts this program as it was started, with arguments.

    A client has no shell and another PATH, so the interpreter is named by its path.
    """
    return [sys.executable, "-m", "knowledge", *arguments]


def entry_of(client: Client, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what is to stand in a client's configuration, for whoever puts it there."""
    content = _entry(client, arguments, environment)
    if client.toml:
        return _table(client, content)
    nested: Any = {NAME: content}
    for key in reversed(client.section):
        nested = {key: nested}
    return json.dumps(nested, indent=2, ensure_ascii=False) + "\n"


def install(client: Client, arguments: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Put this server into a client's configuration, beside what else is there.

    An entry of this name is replaced.

    Raises
    ------
    UsageError
        The file is not one that can be added to; it stays as it is.
    """
    path = client.file()
    try:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}", hint=str(error)) from error
    content = _entry(client, arguments, environment)
    after = (
        _with_table(path, client, before, content)
        if client.toml
        else _with_key(path, client, before, content)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, after)
    except OSError as error:
        raise KnowledgeError(f"cannot write {path}: {error.strerror}") from error
    return path


def _entry(
    client: Client, arguments: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    command, *rest = command_of(arguments)
    entry: dict[str, Any] = {**client.extra, "command": command, "args": rest}
    return {**entry, "env": dict(environment)} if environment else entry


def _with_key(path: Path, client: Client, before: str, content: Mapping[str, Any]) -> str:
    try:
        root = json.loads(before) if before.strip() else {}
    except ValueError as error:
        raise UsageError(
            f"{path} is not plain JSON, so nothing was put into it",
            hint="Add this by hand: run the command with --print.",
        ) from error
    section = root
    for key in client.section:
        section = section.setdefault(key, {}) if isinstance(section, dict) else None
    if not isinstance(section, dict):
        raise UsageError(f"{path} has another shape than {client.title} gives it")
    section[NAME] = dict(content)
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def _table(client: Client, content: Mapping[str, Any]) -> str:
    """Return an entry as TOML; JSON's strings and lists of strings are TOML's too."""
    head = ".".join((*client.section, NAME))
    values = {key: value for key, value in content.items() if key != "env"}
    lines = [f"[{head}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    if content.get("env"):
        lines += ["", f"[{head}.env]"]
        lines += [f"{key} = {_toml(value)}" for key, value in content["env"].items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _with_table(path: Path, client: Client, before: str, content: Mapping[str, Any]) -> str:
    """Return TOML with this entry at its end; an older one of its name is dropped."""
    head = ".".join((*client.section, NAME))
    kept, ours = [], False
    for line in before.splitlines():
        if found := _HEADER.match(line):
            ours = found[1] == head or found[1].startswith(head + ".")
        if not ours:
            kept.append(line)
    text = "\n".join(kept).rstrip()
    after = (text + "\n\n" if text else "") + _table(client, content)
    others = _others(before)
    if others is None or others != _others(after):
        raise UsageError(
            f"{path} is not TOML that can be added to, so nothing was put into it",
            hint="Add this by hand: run the command with --print.",
        )
    return after


def _others(text: str) -> dict[str, Any] | None:
    """Return what TOML says besides this server; ``None`` where it is none."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    servers = {k: v for k, v in content.pop("mcp_servers", {}).items() if k != NAME}
    return {**content, **({"mcp_servers": servers} if servers else {})}
