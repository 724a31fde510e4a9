"""Source code and configuration: as it is, with the language that tells where to cut."""

from __future__ import annotations

import re

from knowledge.documents.encodings import decode
from knowledge.documents.formats import SYNTAXES
from knowledge.documents.loading import Source
from knowledge.model import Document, TextKind

_OF_EXTENSION = {
    extension: syntax for syntax, extensions in SYNTAXES.items() for extension in extensions.split()
}
_NAMES = {
    "rakefile": "ruby",
    "gemfile": "ruby",
    "vagrantfile": "ruby",
    "brewfile": "ruby",
    "pipfile": "toml",
    "build": "python",
    "workspace": "python",
    ".bashrc": "bash",
    ".zshrc": "bash",
    ".profile": "bash",
    ".editorconfig": "ini",
    ".gitconfig": "ini",
}
_SHEBANG = re.compile(r"#![^\n]*?\b(bash|zsh|sh|ksh|dash|python|node|deno|ruby|php|lua)[\d.]*\b")
_INTERPRETERS = {
    **dict.fromkeys(("bash", "zsh", "sh", "ksh", "dash"), "bash"),
    **dict.fromkeys(("node", "deno"), "javascript"),
    "python": "python",
    "ruby": "ruby",
    "php": "php",
    "lua": "lua",
}


def syntax_of(name: str, text: str = "") -> str:
    """Return the syntax of a file's text; empty where it is none that is known here."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    if base in _NAMES:
        return _NAMES[base]
    known = _OF_EXTENSION.get(base.rpartition(".")[2]) if "." in base else None
    if known:
        return known
    shebang = _SHEBANG.match(text[:200])
    return _INTERPRETERS[shebang[1]] if shebang else ""


def load(source: Source) -> Document:
    """Read code; its lines are the file's."""
    text, warnings = decode(source.data)
    return Document(
        text,
        TextKind.CODE,
        has_lines=True,
        syntax=syntax_of(source.name, text),
        loader="code",
        warnings=warnings,
    )
